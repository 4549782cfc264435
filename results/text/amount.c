/*
 * amount: formats numbers. Pure, and careful in which direction it rounds.
 */
#include <results/text/amount.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

char *amount_count(uint64_t number, char out[AMOUNT_BYTES])
{
    char digits[AMOUNT_BYTES];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    char *at = out;

    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
    return out;
}

static double rounded(double number, enum amount_rounding rounding)
{
    /* What is a whole number but for the last bits is that number. */
    if (fabs(number - round(number)) < 1e-9 || rounding == AMOUNT_NEAREST)
        return round(number);
    return rounding == AMOUNT_UP ? ceil(number) : floor(number);
}

char *amount_percent(double share, enum amount_rounding rounding, char out[AMOUNT_BYTES])
{
    double percent = 100 * share;
    int places = 1;
    double unit;

    if (percent > 0 && percent < 1)
        places = (int)fmin(15, 1 - floor(log10(percent)));
    unit = pow(10, places);
    percent = rounded(percent * unit, rounding) / unit;
    if (places > 1 && percent * unit >= 99.5)
        places--; /* 0.0999 became 0.100 */
    if (percent <= 0 || percent >= 100)
        places = 0;
    snprintf(out, AMOUNT_BYTES, "%.*f", places, percent);
    return out;
}

static char *long_duration(double seconds, char out[AMOUNT_BYTES])
{
    unsigned long long whole = (unsigned long long)fmin(seconds, 1e15);

    if (whole < 3600)
        snprintf(out, AMOUNT_BYTES, "%llu min %llu s", whole / 60, whole % 60);
    else
        snprintf(out, AMOUNT_BYTES, "%llu h %llu min", whole / 3600, whole / 60 % 60);
    return out;
}

char *amount_duration(double seconds, char out[AMOUNT_BYTES])
{
    static const struct {
        double below, scale;
        const char *unit;
        int places;
    } units[] = {{0.9995e-3, 1e6, "us", 0}, {0.9995, 1e3, "ms", 1}, {99.95, 1, "s", 1}};

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        double number = seconds * units[i].scale;

        if (!(seconds < units[i].below))
            continue;
        snprintf(out, AMOUNT_BYTES, "%.*f %s", number < 99.95 ? units[i].places : 0, number,
                 units[i].unit);
        return out;
    }
    return long_duration(seconds, out);
}
