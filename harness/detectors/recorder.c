/*
 * recorder: the flight recorder got in the way. A thread of the program's own waits inside the
 * recorder's library for what will not come: somebody was ended in the middle of an event, or with
 * one of its locks, and its clean-up at exit waits for him.
 *
 * Judges last and takes back what others made of such a hang: whoever looks stuck there is stuck by
 * our doing. Source: row F5; lttng.md on exits.
 */
#include <harness/detector.h>
#include <harness/recorder.h>

#include <harness/supervisor/evidence/evidence.h>

#include <string.h>

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Between it and the kernel lie only waits and our hooks. */
static bool is_between(const char *module)
{
    return module[0] == 0 || evidence_is_libc(module) || begins(module, "librundown-agent");
}

/* The frame of the recorder that a thread of the program's own stands in, or NULL. */
static const struct evidence_frame *stands_in(const struct evidence_thread *thread)
{
    unsigned frames = evidence_frames(thread);

    if (thread->lane < 0 || (thread->state != THREAD_WAITING && thread->state != THREAD_RUNNING))
        return NULL;
    for (unsigned i = 0; i < frames; i++) {
        if (recorder_is_module(thread->frame[i].module))
            return &thread->frame[i];
        if (!is_between(thread->frame[i].module))
            return NULL;
    }
    return NULL;
}

static void say_inside(struct finding *finding, const struct evidence *evidence)
{
    unsigned lanes = evidence_lanes(evidence);
    char name[EVIDENCE_NAME_BYTES];

    for (unsigned i = 0; i < lanes; i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);

        if (lane == NULL || lane->in_tracepoint == 0)
            continue;
        evidence_lane_text(evidence, i, name);
        finding_say(finding, "%-10s was in the middle of an event", name);
    }
}

static void raise_it(const struct evidence *evidence, struct judgement *judgement,
                     const struct evidence_thread *thread, const struct evidence_frame *frame)
{
    char name[EVIDENCE_NAME_BYTES];
    char text[EVIDENCE_TEXT_BYTES];
    char culprit[EVIDENCE_CULPRIT_BYTES];
    struct finding *finding;

    judgement->findings = 0;
    finding = judgement_add(judgement, STOP_HARNESS_RECORDER);
    evidence_lane_text(evidence, (unsigned)thread->lane, name);
    evidence_frame_text(frame, text);
    finding_say(finding, "%-10s is stuck in the flight recorder, in %s", name, text);
    say_inside(finding, evidence);
    evidence_culprit(frame, 1, culprit);
    finding_sign(finding, culprit, "");
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    if (evidence->hang == HANG_NONE || evidence->thread == NULL)
        return;
    for (unsigned i = 0; i < evidence->threads && i < EVIDENCE_THREADS; i++) {
        const struct evidence_frame *frame = stands_in(&evidence->thread[i]);

        if (frame == NULL)
            continue;
        raise_it(evidence, judgement, &evidence->thread[i], frame);
        return;
    }
}

const struct detector detector_recorder = {
    .name = "recorder",
    .summary = "a thread is stuck in the flight recorder, by our doing",
    .codes = "harness.recorder",
    .last = true,
    .judge = judge,
};
