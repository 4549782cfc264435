/* deep_inner: lies where only the RUNPATH of the modules one folder above leads to. */
int inner_answer(void);

int inner_answer(void)
{
    return 42;
}
