/* deep_needed: what plug_needs is linked against. */
int needed_answer(void);

int needed_answer(void)
{
    return 7;
}
