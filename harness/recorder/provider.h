/*
 * provider: the events of the tracepoint provider "rundown".
 *
 * This header is read several times by lttng-ust's macros, so it holds nothing but
 * events. It is defined in provider.c alone. At most 10 arguments per event, of which
 * the head takes five. What the fields mean: harness/recorder.h.
 */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER rundown

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "harness/recorder/provider.h"

#if !defined(RECORDER_PROVIDER_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define RECORDER_PROVIDER_H

#include <harness/recorder.h>
#include <lttng/tracepoint.h>
#include <stdint.h>

#ifndef RECORDER_HEAD_ARGS
#define RECORDER_HEAD_ARGS                                                                         \
    uint64_t, cycle, uint32_t, inj, uint32_t, pid, uint32_t, tid, uint64_t, seq
#define RECORDER_HEAD_FIELDS                                                                       \
    lttng_ust_field_integer(uint64_t, cycle, cycle) lttng_ust_field_integer(uint32_t, inj, inj)    \
        lttng_ust_field_integer(uint32_t, pid, pid) lttng_ust_field_integer(uint32_t, tid, tid)    \
            lttng_ust_field_integer(uint64_t, seq, seq)
#endif

/* clang-format off */
LTTNG_UST_TRACEPOINT_ENUM(rundown, phase, LTTNG_UST_TP_ENUM_VALUES(
    lttng_ust_field_enum_value("requested", RECORDER_PHASE_REQUESTED)
    lttng_ust_field_enum_value("won", RECORDER_PHASE_WON)
    lttng_ust_field_enum_value("parked", RECORDER_PHASE_PARKED)
    lttng_ust_field_enum_value("closed", RECORDER_PHASE_CLOSED)
    lttng_ust_field_enum_value("drained", RECORDER_PHASE_DRAINED)
    lttng_ust_field_enum_value("handlers", RECORDER_PHASE_HANDLERS)
    lttng_ust_field_enum_value("fini", RECORDER_PHASE_FINI)
    lttng_ust_field_enum_value("leave", RECORDER_PHASE_LEAVE)))

LTTNG_UST_TRACEPOINT_EVENT(rundown, cycle_begin,
    LTTNG_UST_TP_ARGS(RECORDER_HEAD_ARGS, uint64_t, seed, const char *, workload,
                      const char *, variant),
    LTTNG_UST_TP_FIELDS(RECORDER_HEAD_FIELDS
        lttng_ust_field_integer_hex(uint64_t, seed, seed)
        lttng_ust_field_string(workload, workload)
        lttng_ust_field_string(variant, variant)))

LTTNG_UST_TRACEPOINT_EVENT(rundown, cycle_end,
    LTTNG_UST_TP_ARGS(RECORDER_HEAD_ARGS, const char *, how, int64_t, status,
                      const char *, verdict),
    LTTNG_UST_TP_FIELDS(RECORDER_HEAD_FIELDS
        lttng_ust_field_string(how, how)
        lttng_ust_field_integer(int64_t, status, status)
        lttng_ust_field_string(verdict, verdict)))

LTTNG_UST_TRACEPOINT_EVENT(rundown, inject_decided,
    LTTNG_UST_TP_ARGS(RECORDER_HEAD_ARGS, const char *, kind, const char *, site,
                      uint64_t, victim, uint64_t, due_ns),
    LTTNG_UST_TP_FIELDS(RECORDER_HEAD_FIELDS
        lttng_ust_field_string(kind, kind)
        lttng_ust_field_string(site, site)
        lttng_ust_field_integer(uint64_t, victim, victim)
        lttng_ust_field_integer(uint64_t, due_ns, due_ns)))

LTTNG_UST_TRACEPOINT_EVENT(rundown, inject_fired,
    LTTNG_UST_TP_ARGS(RECORDER_HEAD_ARGS, const char *, kind, const char *, site,
                      uint64_t, victim, int64_t, result, uint64_t, deferred),
    LTTNG_UST_TP_FIELDS(RECORDER_HEAD_FIELDS
        lttng_ust_field_string(kind, kind)
        lttng_ust_field_string(site, site)
        lttng_ust_field_integer(uint64_t, victim, victim)
        lttng_ust_field_integer(int64_t, result, result)
        lttng_ust_field_integer(uint64_t, deferred, deferred)))

LTTNG_UST_TRACEPOINT_EVENT(rundown, lock_wait,
    LTTNG_UST_TP_ARGS(RECORDER_HEAD_ARGS, uint64_t, lock, const char *, kind,
                      const char *, site, uint64_t, owner),
    LTTNG_UST_TP_FIELDS(RECORDER_HEAD_FIELDS
        lttng_ust_field_integer_hex(uint64_t, lock, lock)
        lttng_ust_field_string(kind, kind)
        lttng_ust_field_string(site, site)
        lttng_ust_field_integer(uint64_t, owner, owner)))

LTTNG_UST_TRACEPOINT_EVENT(rundown, lock_acquire,
    LTTNG_UST_TP_ARGS(RECORDER_HEAD_ARGS, uint64_t, lock, const char *, kind,
                      const char *, site, uint64_t, waited_ns, uint64_t, owner_died),
    LTTNG_UST_TP_FIELDS(RECORDER_HEAD_FIELDS
        lttng_ust_field_integer_hex(uint64_t, lock, lock)
        lttng_ust_field_string(kind, kind)
        lttng_ust_field_string(site, site)
        lttng_ust_field_integer(uint64_t, waited_ns, waited_ns)
        lttng_ust_field_integer(uint64_t, owner_died, owner_died)))

LTTNG_UST_TRACEPOINT_EVENT(rundown, lock_release,
    LTTNG_UST_TP_ARGS(RECORDER_HEAD_ARGS, uint64_t, lock, const char *, kind,
                      const char *, site),
    LTTNG_UST_TP_FIELDS(RECORDER_HEAD_FIELDS
        lttng_ust_field_integer_hex(uint64_t, lock, lock)
        lttng_ust_field_string(kind, kind)
        lttng_ust_field_string(site, site)))

LTTNG_UST_TRACEPOINT_EVENT_CLASS(rundown, heap,
    LTTNG_UST_TP_ARGS(RECORDER_HEAD_ARGS, uint64_t, addr, uint64_t, size,
                      const char *, site, uint64_t, every_n),
    LTTNG_UST_TP_FIELDS(RECORDER_HEAD_FIELDS
        lttng_ust_field_integer_hex(uint64_t, addr, addr)
        lttng_ust_field_integer(uint64_t, size, size)
        lttng_ust_field_string(site, site)
        lttng_ust_field_integer(uint64_t, every_n, every_n)))

#ifndef RECORDER_HEAP_ARGS
#define RECORDER_HEAP_ARGS                                                                         \
    LTTNG_UST_TP_ARGS(RECORDER_HEAD_ARGS, uint64_t, addr, uint64_t, size, const char *, site,      \
                      uint64_t, every_n)
#define RECORDER_MODULE_ARGS                                                                       \
    LTTNG_UST_TP_ARGS(RECORDER_HEAD_ARGS, const char *, name, uint64_t, base, uint64_t, handle,    \
                      int64_t, rc)
#endif
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(rundown, heap, rundown, alloc, RECORDER_HEAP_ARGS)
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(rundown, heap, rundown, free, RECORDER_HEAP_ARGS)

LTTNG_UST_TRACEPOINT_EVENT_CLASS(rundown, module,
    LTTNG_UST_TP_ARGS(RECORDER_HEAD_ARGS, const char *, name, uint64_t, base, uint64_t, handle,
                      int64_t, rc),
    LTTNG_UST_TP_FIELDS(RECORDER_HEAD_FIELDS
        lttng_ust_field_string(name, name)
        lttng_ust_field_integer_hex(uint64_t, base, base)
        lttng_ust_field_integer_hex(uint64_t, handle, handle)
        lttng_ust_field_integer(int64_t, rc, rc)))
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(rundown, module, rundown, module_load_begin,
                                    RECORDER_MODULE_ARGS)
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(rundown, module, rundown, module_load_end,
                                    RECORDER_MODULE_ARGS)
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(rundown, module, rundown, module_unload_begin,
                                    RECORDER_MODULE_ARGS)
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(rundown, module, rundown, module_unload_end,
                                    RECORDER_MODULE_ARGS)

LTTNG_UST_TRACEPOINT_EVENT(rundown, thread_start,
    LTTNG_UST_TP_ARGS(RECORDER_HEAD_ARGS, uint64_t, start, uint64_t, creator),
    LTTNG_UST_TP_FIELDS(RECORDER_HEAD_FIELDS
        lttng_ust_field_integer_hex(uint64_t, start, start)
        lttng_ust_field_integer(uint64_t, creator, creator)))

LTTNG_UST_TRACEPOINT_EVENT(rundown, thread_exit,
    LTTNG_UST_TP_ARGS(RECORDER_HEAD_ARGS, const char *, how),
    LTTNG_UST_TP_FIELDS(RECORDER_HEAD_FIELDS
        lttng_ust_field_string(how, how)))

LTTNG_UST_TRACEPOINT_EVENT(rundown, exit_gate,
    LTTNG_UST_TP_ARGS(RECORDER_HEAD_ARGS, uint32_t, phase, uint64_t, by),
    LTTNG_UST_TP_FIELDS(RECORDER_HEAD_FIELDS
        lttng_ust_field_enum(rundown, phase, uint32_t, phase, phase)
        lttng_ust_field_integer(uint64_t, by, by)))

LTTNG_UST_TRACEPOINT_EVENT(rundown, beat,
    LTTNG_UST_TP_ARGS(RECORDER_HEAD_ARGS, uint64_t, cpu, uint64_t, n),
    LTTNG_UST_TP_FIELDS(RECORDER_HEAD_FIELDS
        lttng_ust_field_integer(uint64_t, cpu, cpu)
        lttng_ust_field_integer(uint64_t, n, n)))
/* clang-format on */

#endif

#include <lttng/tracepoint-event.h>
