/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * choose_trace.h - the trace events of choose.c: all that decides, and what was decided,
 * so that `efuse replay` can go through it again. Each file's are numbered, from 0.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM efuse

#if !defined(_EFUSE_CHOOSE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _EFUSE_CHOOSE_TRACE_H

#include <linux/tracepoint.h>

#include "chooser.h"

TRACE_EVENT(efuse_choose,
	TP_PROTO(u32 conn, u64 node, u32 seq, u32 class, u32 ways, u32 share, u32 again,
		 u32 compared, u32 way, u32 try),
	TP_ARGS(conn, node, seq, class, ways, share, again, compared, way, try),
	TP_STRUCT__entry(
		__field(u64, node)
		__field(u32, conn)
		__field(u32, seq)
		__field(u32, class)
		__field(u32, ways)
		__field(u32, share)
		__field(u32, again)
		__field(u32, compared)
		__field(u32, way)
		__field(u32, try)
	),
	TP_fast_assign(
		__entry->node = node;
		__entry->conn = conn;
		__entry->seq = seq;
		__entry->class = class;
		__entry->ways = ways;
		__entry->share = share;
		__entry->again = again;
		__entry->compared = compared;
		__entry->way = way;
		__entry->try = try;
	),
	TP_printk("conn=%u node=%llu seq=%u class=%u ways=%u share=%u again=%u compared=%u way=%u try=%u",
		  __entry->conn, __entry->node, __entry->seq, __entry->class, __entry->ways,
		  __entry->share, __entry->again, __entry->compared, __entry->way, __entry->try)
);

TRACE_EVENT(efuse_learn,
	TP_PROTO(u32 conn, u64 node, u32 seq, u32 class, u32 way, u32 well, u64 ns),
	TP_ARGS(conn, node, seq, class, way, well, ns),
	TP_STRUCT__entry(
		__field(u64, node)
		__field(u64, ns)
		__field(u32, conn)
		__field(u32, seq)
		__field(u32, class)
		__field(u32, way)
		__field(u32, well)
	),
	TP_fast_assign(
		__entry->node = node;
		__entry->ns = ns;
		__entry->conn = conn;
		__entry->seq = seq;
		__entry->class = class;
		__entry->way = way;
		__entry->well = well;
	),
	TP_printk("conn=%u node=%llu seq=%u class=%u way=%u well=%u ns=%llu", __entry->conn,
		  __entry->node, __entry->seq, __entry->class, __entry->way, __entry->well,
		  __entry->ns)
);

#endif /* _EFUSE_CHOOSE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH efuse
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE choose_trace
#include <trace/define_trace.h>
