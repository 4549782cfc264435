/*
 * worker: a module with a thread of its own that behaves. The thread is made by an explicit
 * start and joined by an explicit stop, never by a constructor or destructor: those run under
 * the loader's lock, where a rendezvous with a thread is a deadlock in waiting.
 *
 * One question is under way at a time; the host asks from one thread.
 * Source: catalogue rows C1 (the way out of it), C6 rule 4.
 */
#include <workloads/modules/worker.h>

#include <pthread.h>
#include <stdbool.h>

static struct {
    pthread_mutex_t mutex; /* guards the rest but the thread; nothing nests inside */
    pthread_cond_t asked;
    pthread_cond_t answered;
    pthread_t thread;
    bool question_waits;
    bool answer_waits;
    bool leave;
    uint64_t question;
    uint64_t answer;
} worker = {
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .asked = PTHREAD_COND_INITIALIZER,
    .answered = PTHREAD_COND_INITIALIZER,
};

static void unlock(void *unused)
{
    (void)unused;
    pthread_mutex_unlock(&worker.mutex);
}

/* True if there is a question to answer, false if it is time to leave. */
static bool next_question(void)
{
    while (!worker.question_waits && !worker.leave)
        pthread_cond_wait(&worker.asked, &worker.mutex);
    return worker.question_waits;
}

static void answer(void)
{
    worker.question_waits = false;
    worker.answer = worker_answer(worker.question);
    worker.answer_waits = true;
    pthread_cond_signal(&worker.answered);
}

static void *serve(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&worker.mutex);
    pthread_cleanup_push(unlock, NULL);
    while (next_question())
        answer();
    pthread_cleanup_pop(1);
    return NULL;
}

int worker_start(void)
{
    worker.leave = false;
    return pthread_create(&worker.thread, NULL, serve, NULL);
}

uint64_t worker_use(uint64_t question)
{
    uint64_t result;

    pthread_mutex_lock(&worker.mutex);
    worker.question = question;
    worker.question_waits = true;
    pthread_cond_signal(&worker.asked);
    while (!worker.answer_waits)
        pthread_cond_wait(&worker.answered, &worker.mutex);
    worker.answer_waits = false;
    result = worker.answer;
    pthread_mutex_unlock(&worker.mutex);
    return result;
}

void worker_stop(void)
{
    pthread_mutex_lock(&worker.mutex);
    worker.leave = true;
    pthread_cond_signal(&worker.asked);
    pthread_mutex_unlock(&worker.mutex);
    pthread_join(worker.thread, NULL);
}
