/*
 * What the module of loader_load_inside loads.
 */
int planted_answer(void);

int planted_answer(void)
{
    return 42;
}
