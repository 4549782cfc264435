/*
 * The module of module_callback_start.
 */
void *planted_routine(void *argument);

void *planted_routine(void *argument)
{
    return argument;
}
