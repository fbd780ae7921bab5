/* Prediction of DySample's points from channels-last values. native.c includes this file after native_lanes.h,
 * once for every instruction set. */

/* Multiply the inputs of `count` pixels by all weights. `from` has `pixel_step` floats from pixel to pixel and
 * `input_step` from input to input; `weights` is (1 + inputs, rows), the bias first, with rows a multiple of
 * 2 * LANES; `to` is (count, rows). Four pixels at a time keep the multipliers busy. */
static void NAME(project)(const float *from, int64_t pixel_step, int64_t input_step, int64_t inputs,
                          const float *weights, int64_t rows, int64_t count, float *to) {
    for (int64_t u = 0; u < count; u += 4)
        for (int64_t r = 0; r < rows; r += 2 * LANES) {
            const float *at[4], *weight = weights + r;
            FLOATS sums[4][2];
            for (int i = 0; i < 4; i++) {
                at[i] = from + least(u + i, count - 1) * pixel_step;
                sums[i][0] = LOAD(weight), sums[i][1] = LOAD(weight + LANES);
            }
            for (int64_t c = 0; c < inputs * input_step; c += input_step) {
                weight += rows;
                const FLOATS first = LOAD(weight), second = LOAD(weight + LANES);
                for (int i = 0; i < 4; i++) sums[i][0] += first * at[i][c], sums[i][1] += second * at[i][c];
            }
            for (int i = 0; i < 4 && u + i < count; i++) {
                STORE(to + (u + i) * rows + r, sums[i][0]);
                STORE(to + (u + i) * rows + r + LANES, sums[i][1]);
            }
        }
}

/* Multiply `values` by twice the logistic function of `z`. The exponential is a power of two times a
 * polynomial, correct to the last digit or two of a float. NaN stays NaN, but no integer can hold it. */
static void NAME(scale_by_scope)(float *restrict values, const float *restrict z, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        union { int32_t bits; float value; } power;
        float t = -z[i];
        t = t > 87.0f ? 87.0f : t, t = t < -87.0f ? -87.0f : t;
        const int32_t whole = (int32_t)((t == t ? t : 0) * 1.44269504f + 1000.5f) - 1000;
        const float part = (t - (float)whole * 0.693359375f) + (float)whole * 2.12194440e-4f;
        float e = 1.0f / 5040;
        e = e * part + 1.0f / 720, e = e * part + 1.0f / 120, e = e * part + 1.0f / 24;
        e = e * part + 1.0f / 6, e = e * part + 0.5f, e = e * part + 1, e = e * part + 1;
        power.bits = (whole + 127) * (1 << 23);
        values[i] *= 2 / (1 + e * power.value);
    }
}

/* Add offsets to the initial positions of a line: `scale` rows of BLOCK values, of which `count` are used. */
static inline __attribute__((always_inline)) void NAME(interleave)(const float *offsets, int64_t step, int64_t scale,
                                                                   int64_t count, float factor,
                                                                   const float *restrict from, float *restrict to) {
    for (int64_t u = 0; u < count; u++)
        for (int64_t j = 0; j < scale; j++)
            to[u * scale + j] = from[u * scale + j] + factor * offsets[j * step + u];
}

/* Turn the offsets of `count` pixels into points. Every sub-position of a pair (axis, group) has a row of BLOCK
 * offsets. Rows are ordered by pair, then sub-position (LP), or by sub-position, then pair (PL). */
static void NAME(place)(const struct plan *plan, int64_t row, int64_t column, int64_t count, const float *offsets,
                        const float *initial, float *points) {
    const int64_t scale = plan->scale, wide = plan->width * scale, plane = plan->height * scale * wide;
    const int64_t pairs = 2 * plan->groups, one = plan->subs > 1;
    const int64_t pair_step = one ? BLOCK : scale * scale * BLOCK, step = one ? pairs * BLOCK : BLOCK;
    const float factor = (float)plan->factor;
    for (int64_t pair = 0; pair < pairs; pair++)
        for (int64_t i = 0; i < scale; i++) {
            const int64_t axis = pair / plan->groups, group = pair % plan->groups;
            const int64_t start = (row * scale + i) * wide + column * scale;
            const float *given = offsets + pair * pair_step + i * scale * step, *from = initial + axis * plane + start;
            float *to = points + (2 * group + axis) * plane + start;
            if (scale == 2) /* the usual scale: a constant lets the compiler use whole vectors */
                NAME(interleave)(given, step, 2, count, factor, from, to);
            else
                NAME(interleave)(given, step, scale, count, factor, from, to);
        }
}
