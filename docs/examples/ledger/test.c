/*
 * test: the workload as a program: a unit test without rundown, a target with it.
 */
#include "workload.h"

int main(int argc, char **argv)
{
    return rundown_workload_run(&ledger_workload, argc, argv);
}
