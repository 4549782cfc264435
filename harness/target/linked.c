/*
 * linked: a workload inside somebody's own program (librundown-workload.a).
 */
#include <harness/common/workload_form.h>
#include <harness/target/perform.h>

int rundown_workload_run_abi(uint32_t abi, uint32_t bytes, const struct workload *workload,
                             int argc, char **argv)
{
    int count = argc > 1 ? argc - 1 : 0;
    struct perform_words words = {.word = count > 0 ? argv + 1 : NULL, .count = count};
    struct error e;

    if (workload_form_version(abi, bytes, &e) != 0 || workload_form(workload, &e) != 0) {
        perform_refuse("%s", e.text);
        return PERFORM_SETUP;
    }
    return perform(workload, &words);
}
