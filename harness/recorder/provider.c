/*
 * provider: the one place where the tracepoints of provider.h are defined.
 *
 * Nothing else belongs here: lttng-ust's macros turn the header into data and probe
 * functions, with constructors that register them when the library is loaded.
 */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include <harness/recorder/provider.h>
