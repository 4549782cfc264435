/*
 * special.h: the beta distribution, on which every promise about a rate rests.
 */
#ifndef RESULTS_STATS_SPECIAL_H
#define RESULTS_STATS_SPECIAL_H

/**
 * stats_log_beta() - ln B(a, b), the logarithm of the complete beta function.
 * @a, @b: above 0 and finite; otherwise NaN.
 *
 * In long double on purpose: for a million runs, a double's lgamma is off by more than the
 * 1e-9 that the results promise. Pure, safe in any thread.
 */
long double stats_log_beta(long double a, long double b);

/**
 * stats_beta_cdf() - chance that a Beta(a, b) variable is at most x.
 * @x: any number; below 0 gives 0, above 1 gives 1.
 * @a, @b: above 0 and finite.
 *
 * This is the regularised incomplete beta function I_x(a, b). Returns NaN when an argument
 * is NaN or a shape is out of range. Takes about sqrt(max(a, b)) steps. Pure.
 * Source: NIST Digital Library of Mathematical Functions, 8.17.22 (continued fraction) and
 * 8.17.4 (reflection); evaluated after W. J. Lentz, Applied Optics 15 (1976), 668-671.
 */
double stats_beta_cdf(double x, double a, double b);

/**
 * stats_beta_quantile() - the x in [0, 1] at which stats_beta_cdf() reaches p.
 * @p: share in [0, 1].
 *
 * Bisects until the interval between two neighbouring doubles is left. Returns NaN for
 * what stats_beta_cdf() refuses, or p outside [0, 1]. Pure.
 */
double stats_beta_quantile(double p, double a, double b);

#endif
