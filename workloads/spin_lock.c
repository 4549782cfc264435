/*
 * spin-lock: threads that share a ledger under a lock of their own making, one word that they
 * exchange until it was free. No library and no kernel knows of it, so who dies inside leaves
 * the others burning, and nothing says whom they wait for.
 *
 * Nothing may help the detectors: no call, no yield and no mark inside the spin itself. The one
 * mark lies where the lock is held and the ledger half written.
 * Source: catalogue row A4; XP (home-grown locks whose owner was terminated).
 */
#include <harness/workload.h>
#include <workloads/crew.h>

#include <stdatomic.h>

enum { THREADS, OPS };

static const struct workload_parameter parameters[] = {
    [THREADS] = {"threads", "threads that write the ledger", 2, 1, CREW_HIGH},
    [OPS] = {"ops", "entries by each thread per lap", 20, 1, 10000000},
    {.name = NULL},
};

enum variant { VARIANT_FINISHES, VARIANT_ORPHANED };

static const struct workload_variant variants[] = {
    [VARIANT_FINISHES] = {.name = "finishes",
                          .summary =
                              "owners finish first: the mark lies after the lock was given back",
                          .tolerates = "thread-suspend main-kill"},
    [VARIANT_ORPHANED] = {.name = "orphaned",
                          .summary = "owners die inside: the mark lies where the lock is held",
                          .bad = true,
                          .codes = "lock.spin-orphaned",
                          .injectors = "thread-kill"},
    {.name = NULL},
};

/* @debit and @credit are equal whenever the lock is free. */
static struct {
    atomic_uint lock; /* guards the two below; nothing nests inside */
    uint64_t debit;
    uint64_t credit;
    const struct workload_context *context;
    struct crew crew;
} ledger;

static void spin_lock(void)
{
    while (atomic_exchange_explicit(&ledger.lock, 1, memory_order_acquire) != 0)
        __builtin_ia32_pause();
}

static void spin_unlock(void)
{
    atomic_store_explicit(&ledger.lock, 0, memory_order_release);
}

static void write_entry(bool die_inside)
{
    spin_lock();
    ledger.debit++;
    if (die_inside)
        mark_site("held");
    ledger.credit++;
    spin_unlock();
    if (!die_inside)
        mark_site("written");
}

static void *worker(void *argument)
{
    bool die_inside = ledger.context->variant == VARIANT_ORPHANED;

    for (int64_t op = 0; op < ledger.context->value[OPS]; op++)
        write_entry(die_inside);
    return argument;
}

static int setup(struct workload_context *context)
{
    ledger.context = context;
    return 0;
}

static void body(struct workload_context *context, uint32_t lap)
{
    (void)lap;
    crew_start(&ledger.crew, (unsigned)context->value[THREADS], worker);
    crew_join(&ledger.crew);
}

static void check(struct workload_context *context)
{
    (void)context;
    spin_lock();
    if (ledger.debit != ledger.credit)
        workload_broken("spin-lock: %llu debits and %llu credits", (unsigned long long)ledger.debit,
                        (unsigned long long)ledger.credit);
    spin_unlock();
}

const struct workload workload_spin_lock = {
    .name = "spin-lock",
    .summary = "a ledger under a home-grown spin lock, whose owner may die",
    .source = "A4",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .check = check,
};
