/*
 * desk: questions and answers between the host's thread and a worker of the host's. The turn's
 * number says to each worker whether it is meant; with a single flag for all of them, one that
 * has not looked yet takes the next one's turn for its own.
 * Source: catalogue row C2; TT (reload before the old worker has left).
 */
#include <workloads/modules/desk.h>

#include <pthread.h>

static struct {
    pthread_mutex_t mutex; /* guards the rest; nothing nests inside */
    pthread_cond_t asked;
    pthread_cond_t answered;
    uint64_t turns; /* ever begun */
    uint64_t turn;  /* whose it is; 0: nobody's */
    bool forgetful;
    bool leave; /* all that the forgetful way knows */
    bool question_waits;
    bool answer_waits;
    uint64_t question;
    uint64_t answer;
} desk = {
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .asked = PTHREAD_COND_INITIALIZER,
    .answered = PTHREAD_COND_INITIALIZER,
};

static bool is_over(uint64_t turn)
{
    return desk.forgetful ? desk.leave : desk.turn != turn;
}

uint64_t desk_open(bool forgetful)
{
    uint64_t turn;

    pthread_mutex_lock(&desk.mutex);
    desk.forgetful = forgetful;
    desk.leave = false;
    turn = desk.turn = ++desk.turns;
    pthread_mutex_unlock(&desk.mutex);
    return turn;
}

static void answer(void)
{
    desk.question_waits = false;
    desk.answer = desk_answer(desk.question);
    desk.answer_waits = true;
    pthread_cond_signal(&desk.answered);
}

void desk_sit(uint64_t turn)
{
    pthread_mutex_lock(&desk.mutex);
    while (!is_over(turn)) {
        if (desk.question_waits)
            answer();
        else
            pthread_cond_wait(&desk.asked, &desk.mutex);
    }
    pthread_mutex_unlock(&desk.mutex);
}

uint64_t desk_ask(uint64_t question)
{
    uint64_t result;

    pthread_mutex_lock(&desk.mutex);
    desk.question = question;
    desk.question_waits = true;
    pthread_cond_broadcast(&desk.asked);
    while (!desk.answer_waits)
        pthread_cond_wait(&desk.answered, &desk.mutex);
    desk.answer_waits = false;
    result = desk.answer;
    pthread_mutex_unlock(&desk.mutex);
    return result;
}

/* Whoever thinks that there is one worker wakes one. */
void desk_close(void)
{
    pthread_mutex_lock(&desk.mutex);
    desk.turn = 0;
    desk.leave = true;
    if (desk.forgetful)
        pthread_cond_signal(&desk.asked);
    else
        pthread_cond_broadcast(&desk.asked);
    pthread_mutex_unlock(&desk.mutex);
}
