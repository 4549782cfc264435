/* plug_unfinished: cannot be loaded with RTLD_NOW. */
int nowhere_defined(void);
int unfinished_answer(void);

int unfinished_answer(void)
{
    return nowhere_defined();
}
