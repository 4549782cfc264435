/*
 * The module of module_code_unmapped.
 */
int planted_answer(void);

int planted_answer(void)
{
    return 42;
}
