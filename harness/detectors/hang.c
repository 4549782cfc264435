/*
 * hang: nothing moves, and no more telling code says why.
 *
 * The last to speak: where a wait has somebody to blame, or is part of a circle (it asks the
 * same graph), and the detector for that has said so, this one stays silent. Where that one was
 * switched off, a hang is a hang all the same. While a thread is
 * suspended by the plan the others may rightly wait for it, so what is said then is a note.
 * Row F5, and every "hang" of the catalogue that has no better name.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/evidence.h>
#include <harness/supervisor/evidence/waits.h>

#include <string.h>
#include <sys/syscall.h>

enum { THREADS_SHOWN = 16, GONE_SHOWN = 4 };

/* --- words ---------------------------------------------------------------------------------- */

/* Its threads have no lane, and idle in its library. */
static bool is_recorders(const struct waits_node *node)
{
    unsigned frames = evidence_frames(node->thread);

    for (unsigned i = 0; node->lane == NULL && i < frames; i++)
        if (strncmp(node->thread->frame[i].module, "liblttng-ust", 12) == 0)
            return true;
    return false;
}

static bool is_live(const struct waits *waits, unsigned node)
{
    return (waits_waiting(waits, node) || waits->node[node].life == WAITS_RUNS) &&
           !is_recorders(&waits->node[node]);
}

static void say_live(struct finding *finding, const struct waits *waits)
{
    unsigned live = 0;

    for (unsigned n = 0; n < waits->nodes; n++)
        if (is_live(waits, n) && live++ < THREADS_SHOWN)
            waits_say(finding, waits, n);
    if (live > THREADS_SHOWN)
        finding_say(finding, "and %u more threads", live - THREADS_SHOWN);
    if (live == 0)
        finding_say(finding, "nothing is known of its threads");
}

static void say_gone(struct finding *finding, const struct waits *waits)
{
    unsigned gone = 0;

    for (unsigned n = 0; n < ABI_LANES && gone < GONE_SHOWN; n++)
        if (waits->node[n].life == WAITS_DEAD || waits->node[n].life == WAITS_PARKED) {
            waits_say_gone(finding, waits, n, WAITS_NOT, 0, 0);
            gone++;
        }
}

static void say_all(struct finding *finding, const struct waits *waits)
{
    say_live(finding, waits);
    say_gone(finding, waits);
    if (waits->evidence->left_processes > 0)
        finding_say(finding, "processes that the target started are left: at least %u",
                    waits->evidence->left_processes);
}

/* Who has no lane signs only where there is nobody else: hardly anything is known of it. */
static bool sign(struct finding *finding, const struct waits *waits,
                 bool (*wanted)(const struct waits *waits, unsigned node))
{
    char kept[EVIDENCE_CULPRIT_BYTES] = "";
    char text[EVIDENCE_CULPRIT_BYTES];

    for (unsigned n = 0; n < waits->nodes; n++) {
        if (!wanted(waits, n) || (n >= ABI_LANES && kept[0] != 0))
            continue;
        waits_sign(waits, n, text);
        if (text[0] != 0 && (kept[0] == 0 || strcmp(text, kept) < 0))
            strcpy(kept, text);
    }
    finding_sign(finding, "", kept);
    return kept[0] != 0;
}

/* --- what kind of standstill ------------------------------------------------------------------ */

/* At the end of every chain: it waits, and there is nobody whom it waits for. */
static bool is_last(const struct waits *waits, unsigned node)
{
    return waits_waiting(waits, node) && waits_owner(waits, node, 0) == ABI_LANES &&
           !is_recorders(&waits->node[node]);
}

static bool is_running(const struct waits *waits, unsigned node)
{
    return waits->node[node].life == WAITS_RUNS || waits->node[node].life == WAITS_SPINS;
}

struct tally {
    unsigned locks;
    unsigned events;
    unsigned others;
    unsigned parked;
};

/* An event loop waits for whichever of its files comes first: that is an event, and no lock. */
static bool is_loop(const struct waits_node *node)
{
    static const long calls[] = {SYS_poll,     SYS_ppoll,      SYS_select,
                                 SYS_pselect6, SYS_epoll_wait, SYS_epoll_pwait};

    for (unsigned i = 0; node->thread != NULL && i < sizeof calls / sizeof *calls; i++)
        if (node->thread->syscall == calls[i])
            return true;
    return false;
}

static void count(const struct waits *waits, struct tally *tally)
{
    for (unsigned n = 0; n < waits->nodes; n++) {
        tally->parked += waits->node[n].life == WAITS_PARKED;
        if (!is_last(waits, n))
            continue;
        switch (waits->node[n].kind) {
        case WAITS_EVENT:
            tally->events++;
            break;
        case WAITS_JOIN:
        case WAITS_CHILD:
        case WAITS_OTHER:
            if (is_loop(&waits->node[n]))
                tally->events++;
            else
                tally->others++;
            break;
        default:
            tally->locks++;
            break;
        }
    }
}

/* Things like pipes and futexes of unknown use may be locks as well as events, if two wait. */
static bool is_lost_wakeup(const struct tally *tally)
{
    if (tally->locks > 0)
        return false;
    return tally->others == 0 ? tally->events > 0 : tally->events + tally->others == 1;
}

/* Seen to run by the kernel when it was looked at again: then it was no proof. */
static bool is_refuted(const struct waits *waits, char name[WAITS_TEXT_BYTES])
{
    for (unsigned n = 0; n < waits->nodes; n++)
        if (waits->node[n].life == WAITS_RUNS && waits->node[n].thread != NULL) {
            waits_name(waits, n, name);
            return true;
        }
    return false;
}

static void judge_refuted(const struct waits *waits, struct judgement *judgement, const char *name)
{
    struct finding *finding = judgement_add(judgement, STOP_HANG_DEADLINE);

    finding_say(finding, "not proved after all: %.40s ran when it was looked at again", name);
    say_all(finding, waits);
    sign(finding, waits, is_live);
}

static void judge_proved(const struct waits *waits, struct judgement *judgement)
{
    struct tally tally = {0};
    struct finding *finding;
    char name[WAITS_TEXT_BYTES];

    if (is_refuted(waits, name)) {
        judge_refuted(waits, judgement, name);
        return;
    }
    count(waits, &tally);
    finding = judgement_add(judgement,
                            is_lost_wakeup(&tally) ? STOP_HANG_LOST_WAKEUP : STOP_HANG_DEADLOCK);
    if (finding != NULL && tally.parked > 0) {
        finding->severity = STOP_SEVERITY_NOTE;
        finding_say(finding, "no fault: the thread that was suspended is the one to go on");
    }
    say_all(finding, waits);
    if (!sign(finding, waits, is_last)) /* a circle, or owners that are gone: told by nobody */
        sign(finding, waits, waits_waiting);
}

static void judge_spinning(const struct waits *waits, struct judgement *judgement)
{
    struct finding *finding = judgement_add(judgement, STOP_HANG_LIVELOCK);

    say_all(finding, waits);
    sign(finding, waits, is_running);
}

enum { QUIET_MS = 20 };

/* Livelock and work look alike from outside, unless what it waits for is a lock with an owner. */
static void say_runners(struct finding *finding, const struct waits *waits)
{
    char name[WAITS_TEXT_BYTES];

    for (unsigned n = 0; n < ABI_LANES; n++)
        if (waits->node[n].lane != NULL && waits->node[n].life == WAITS_RUNS &&
            waits->node[n].thread != NULL && waits->evidence->hang_ms >= QUIET_MS) {
            waits_name(waits, n, name);
            finding_say(
                finding,
                "%-10s has passed no hook for %.0f ms: working, or waiting in a loop of its "
                "own, which can't be told",
                name, waits->evidence->hang_ms);
        }
}

static void judge_deadline(const struct waits *waits, struct judgement *judgement)
{
    struct finding *finding = judgement_add(judgement, STOP_HANG_DEADLINE);

    finding_say(finding, "not proved: %.*s", FINDING_TEXT_BYTES,
                waits->evidence->why[0] != 0 ? waits->evidence->why : "no reason was given");
    if (finding != NULL && waits->evidence->confirmed) {
        finding->severity = STOP_SEVERITY_FINDING;
        finding_say(finding, "confirmed: a rerun at three times the deadline was not done either");
    }
    say_all(finding, waits);
    say_runners(finding, waits);
    sign(finding, waits, is_live);
}

/* A stop by ourselves, for the autopsy of a signal or for a debugger, is none of its own. */
static bool is_stopped(const struct evidence *evidence)
{
    const struct abi_control *control = evidence_control(evidence);

    return control != NULL && !evidence->ended && (control->anomaly & ANOMALY_STOPPED) &&
           !(control->anomaly & ANOMALY_SIGNAL) && !(control->options & OPTION_STOP_AT);
}

static void judge_stopped(const struct waits *waits, struct judgement *judgement)
{
    struct finding *finding = judgement_add(judgement, STOP_HANG_STOPPED);

    finding_say(finding, "a signal stopped the process, and nobody continues it");
    say_all(finding, waits);
    sign(finding, waits, is_live);
}

static bool has_code(const struct judgement *judgement, enum stop_code code)
{
    for (unsigned i = 0; i < judgement->findings && i < FINDINGS_PER_CYCLE; i++)
        if (judgement->finding[i].code == code)
            return true;
    return false;
}

/* What can be said of a thread that was passed over, the detector starvation has said. */
static bool is_starved(const struct judgement *judgement)
{
    return has_code(judgement, STOP_HANG_STARVATION);
}

/* Somebody else has told why nothing moves. */
static bool is_told(const struct judgement *judgement)
{
    static const enum stop_code codes[] = {
        STOP_HEAP_LOCK_ORPHANED,   STOP_LOCK_ORPHANED,       STOP_LOCK_SPIN_ORPHANED,
        STOP_LOADER_LOCK_ORPHANED, STOP_LOADER_DEADLOCK,     STOP_LOCK_DEADLOCK,
        STOP_LOCK_OWNER_SUSPENDED, STOP_THREAD_LOST_AT_FORK,
    };

    for (unsigned k = 0; k < sizeof codes / sizeof codes[0]; k++)
        if (has_code(judgement, codes[k]))
            return true;
    return judgement->findings >= FINDINGS_PER_CYCLE;
}

/* A home-grown lock is no edge of the graph; what is said of it is said of the spin itself. */
static bool is_orphaned(const struct evidence *evidence, const struct judgement *judgement)
{
    return evidence->hang == HANG_SPINNING && evidence->spins > 0 &&
           has_code(judgement, STOP_LOCK_SPIN_ORPHANED);
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    struct waits waits;
    bool stopped = is_stopped(evidence);

    if (evidence->hang == HANG_NONE && !stopped)
        return;
    waits_read(&waits, evidence);
    if (stopped)
        judge_stopped(&waits, judgement);
    else if ((waits_explained(&waits) && is_told(judgement)) || is_orphaned(evidence, judgement))
        return;
    else if (evidence->hang == HANG_PROVED)
        judge_proved(&waits, judgement);
    else if (evidence->hang == HANG_SPINNING)
        judge_spinning(&waits, judgement);
    else if (!is_starved(judgement))
        judge_deadline(&waits, judgement);
}

const struct detector detector_hang = {
    .name = "hang",
    .summary = "nothing moves, and nobody can be blamed for it",
    .codes = "hang.deadlock hang.lost-wakeup hang.livelock hang.stopped hang.deadline",
    .last = true,
    .judge = judge,
};
