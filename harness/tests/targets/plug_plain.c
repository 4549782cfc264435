/* plug_plain: a module that can be called, and keeps a count. */
int plain_count(void);

int plain_count(void)
{
    static int count;

    return ++count;
}
