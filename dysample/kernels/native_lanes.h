/* The kernels for vectors of LANES floats. native.c defines LANES and NAME and includes this file, once for
 * every instruction set. In a channels-last map, the channels of a pixel are adjacent: one vector holds LANES
 * channels of one pixel. A planar map is transposed to that layout first, a slice at a time, and tiles of
 * LANES x LANES values are transposed back in registers. */

typedef float NAME(floats) __attribute__((vector_size(4 * LANES)));
typedef float NAME(loose) __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#define FLOATS NAME(floats)
#define LOAD(address) ((FLOATS) * (const NAME(loose) *)(address))
#define STORE(address, value) (*(NAME(loose) *)(address) = (value))

/* Shuffles number the values of two vectors: LANES of the first, then LANES of the second. QUADS picks the
 * same four positions in every run of four; RUN picks a whole run. */
#define QUAD(base, a, b, c, d) (base) + (a), (base) + (b), (base) + (c), (base) + (d)
#define RUN(i) QUAD(4 * (i), 0, 1, 2, 3)
#if LANES == 4
#define QUADS(a, b, c, d) a, b, c, d
#elif LANES == 8
#define QUADS(a, b, c, d) QUAD(0, a, b, c, d), QUAD(4, a, b, c, d)
#else
#define QUADS(a, b, c, d) QUAD(0, a, b, c, d), QUAD(4, a, b, c, d), QUAD(8, a, b, c, d), QUAD(12, a, b, c, d)
#endif
#define WEIGHTS(taps, u) (taps).weight[0][u], (taps).weight[1][u], (taps).weight[2][u], (taps).weight[3][u]
#define MIX(x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)

/* Transpose a tile: first 4 x 4 values within every run, then the runs. */
static inline __attribute__((always_inline)) void NAME(turn_tile)(FLOATS *rows) {
    for (int i = 0; i < LANES; i += 4) {
        FLOATS a = MIX(rows[i], rows[i + 1], QUADS(0, LANES, 1, LANES + 1));
        FLOATS b = MIX(rows[i], rows[i + 1], QUADS(2, LANES + 2, 3, LANES + 3));
        FLOATS c = MIX(rows[i + 2], rows[i + 3], QUADS(0, LANES, 1, LANES + 1));
        FLOATS d = MIX(rows[i + 2], rows[i + 3], QUADS(2, LANES + 2, 3, LANES + 3));
        rows[i] = MIX(a, c, QUADS(0, 1, LANES, LANES + 1));
        rows[i + 1] = MIX(a, c, QUADS(2, 3, LANES + 2, LANES + 3));
        rows[i + 2] = MIX(b, d, QUADS(0, 1, LANES, LANES + 1));
        rows[i + 3] = MIX(b, d, QUADS(2, 3, LANES + 2, LANES + 3));
    }
#if LANES == 8
    for (int i = 0; i < 4; i++) {
        FLOATS a = rows[i], b = rows[i + 4];
        rows[i] = MIX(a, b, RUN(0), RUN(2));
        rows[i + 4] = MIX(a, b, RUN(1), RUN(3));
    }
#elif LANES == 16
    for (int i = 0; i < 4; i++) {
        FLOATS a = MIX(rows[i], rows[i + 4], RUN(0), RUN(2), RUN(4), RUN(6));
        FLOATS b = MIX(rows[i], rows[i + 4], RUN(1), RUN(3), RUN(5), RUN(7));
        FLOATS c = MIX(rows[i + 8], rows[i + 12], RUN(0), RUN(2), RUN(4), RUN(6));
        FLOATS d = MIX(rows[i + 8], rows[i + 12], RUN(1), RUN(3), RUN(5), RUN(7));
        rows[i] = MIX(a, c, RUN(0), RUN(2), RUN(4), RUN(6));
        rows[i + 4] = MIX(b, d, RUN(0), RUN(2), RUN(4), RUN(6));
        rows[i + 8] = MIX(a, c, RUN(1), RUN(3), RUN(5), RUN(7));
        rows[i + 12] = MIX(b, d, RUN(1), RUN(3), RUN(5), RUN(7));
    }
#endif
}

/* Transpose the rows x columns matrix `from` into the columns x rows matrix `to`. */
static void NAME(turn)(const float *from, int64_t from_row, int64_t rows, int64_t columns, float *to,
                       int64_t to_row) {
    for (int64_t c = 0; c < columns; c += LANES)
        for (int64_t r = 0; r < rows; r += LANES) {
            const float *source = from + r * from_row + c;
            float *goal = to + c * to_row + r;
            if (r + LANES <= rows && c + LANES <= columns) {
                FLOATS tile[LANES];
                for (int u = 0; u < LANES; u++) tile[u] = LOAD(source + u * from_row);
                NAME(turn_tile)(tile);
                for (int u = 0; u < LANES; u++) STORE(goal + u * to_row, tile[u]);
            } else {
                int64_t high = least(LANES, rows - r), wide = least(LANES, columns - c);
                for (int64_t v = 0; v < wide; v++)
                    for (int64_t u = 0; u < high; u++) goal[v * to_row + u] = source[u * from_row + v];
            }
        }
}

/* Compute the cells of `count` points and the weights of the four pixels around each. The comparisons send NaN
 * to 0, and points outside to the border, where the last cell ends. */
static void NAME(find)(const struct job *job, const float *x, const float *y, int64_t count,
                       struct taps *taps) {
    const float right = (float)(job->width - 1), bottom = (float)(job->height - 1);
    const int32_t width = (int32_t)job->width, last_column = width > 1 ? width - 2 : 0;
    const int32_t last_row = job->height > 1 ? (int32_t)job->height - 2 : 0;
    float padded[2][BLOCK];
    if (count < BLOCK) {
        for (int u = 0; u < BLOCK; u++) padded[0][u] = x[u < count ? u : 0], padded[1][u] = y[u < count ? u : 0];
        x = padded[0], y = padded[1];
    }
    for (int u = 0; u < BLOCK; u++) {
        float across = x[u] - 0.5f, down = y[u] - 0.5f;
        taps->slope_x[u] = (across > 0) & (across < right) ? 1.0f : 0.0f;
        taps->slope_y[u] = (down > 0) & (down < bottom) ? 1.0f : 0.0f;
        across = across > 0 ? across : 0, down = down > 0 ? down : 0;
        across = across < right ? across : right, down = down < bottom ? down : bottom;
        int32_t column = (int32_t)across, row = (int32_t)down;
        column = column < last_column ? column : last_column, row = row < last_row ? row : last_row;
        across -= (float)column, down -= (float)row;
        taps->cell[u] = row * width + column;
        taps->across[u] = across, taps->down[u] = down;
        taps->weight[0][u] = (1 - across) * (1 - down), taps->weight[1][u] = across * (1 - down);
        taps->weight[2][u] = (1 - across) * down, taps->weight[3][u] = across * down;
    }
}

/* Store a vector, past the caches if `stream`; the address must then be a multiple of the vector's size. */
static inline __attribute__((always_inline)) void NAME(put)(float *address, FLOATS value, int stream) {
#ifdef STREAM
    if (stream) {
        STREAM(address, value);
        return;
    }
#endif
    (void)stream;
    STORE(address, value);
}

/* Return LANES channels of one point, blended from the four pixels around it. */
static inline __attribute__((always_inline)) FLOATS NAME(blend)(const float *at, int64_t right, int64_t below,
                                                                float a, float b, float c, float d) {
    FLOATS sum = LOAD(at) * a;
    sum += LOAD(at + right) * b;
    sum += LOAD(at + below) * c;
    return sum + LOAD(at + below + right) * d;
}

/* Read points [first, end) of one slice from a source with `step` floats per pixel; the output is planar. */
static void NAME(read_planar)(const struct job *job, const float *points, const float *source, int64_t step,
                              int64_t first, int64_t end, float *output) {
    const int64_t right = job->width > 1 ? step : 0, below = job->height > 1 ? job->width * step : 0;
    const int64_t channels = job->channels / job->groups;
    const int stream = job->stream && job->pixels % BLOCK == 0;
    struct taps taps;
    for (int64_t p = first; p < end; p += BLOCK) {
        const int64_t count = least(BLOCK, end - p);
        NAME(find)(job, points + p, points + job->axis_stride + p, count, &taps);
        for (int64_t q = 0; q < channels; q += LANES) {
            FLOATS tile[BLOCK];
            for (int u = 0; u < BLOCK; u++) {
                const float *at = source + taps.cell[u] * step + q;
                tile[u] = NAME(blend)(at, right, below, WEIGHTS(taps, u));
            }
            for (int part = 0; part < BLOCK; part += LANES) NAME(turn_tile)(tile + part);
            float *goal = output + q * job->pixels + p;
            const int64_t high = least(LANES, channels - q);
            /* Write whole cache lines one after the other. */
            if (high == LANES && count == BLOCK)
                for (int v = 0; v < LANES; v++, goal += job->pixels)
                    for (int part = 0; part < BLOCK; part += LANES)
                        NAME(put)(goal + part, tile[part + v], stream);
            else
                for (int64_t v = 0; v < high; v++)
                    for (int64_t u = 0; u < count; u++)
                        goal[v * job->pixels + u] = tile[u / LANES * LANES + v][u % LANES];
        }
    }
}

/* Read points [first, end) of one image in all groups; map and output are channels last. */
static void NAME(read_last)(const struct job *job, const float *points, const float *source, int64_t first,
                            int64_t end, float *output) {
    const int64_t step = job->channels, channels = job->channels / job->groups;
    const int64_t right = job->width > 1 ? step : 0, below = job->height > 1 ? job->width * step : 0;
    const int stream = job->stream && channels % LANES == 0;
    struct taps taps;
    for (int64_t p = first; p < end; p += BLOCK)
        for (int64_t group = 0; group < job->groups; group++) {
            const float *place = points + group * job->group_stride + p;
            const int64_t count = least(BLOCK, end - p);
            NAME(find)(job, place, place + job->axis_stride, count, &taps);
            for (int64_t u = 0; u < count; u++) {
                const float *at = source + taps.cell[u] * step + group * channels;
                float *goal = output + (p + u) * step + group * channels;
                const float w[4] = {WEIGHTS(taps, u)};
                int64_t q = 0;
                for (; q + LANES <= channels; q += LANES)
                    NAME(put)(goal + q, NAME(blend)(at + q, right, below, w[0], w[1], w[2], w[3]), stream);
                for (; q < channels; q++) {
                    float sum = at[q] * w[0];
                    sum += at[q + right] * w[1];
                    sum += at[q + below] * w[2];
                    goal[q] = sum + at[q + below + right] * w[3];
                }
            }
        }
}

/* Backward for up to BLOCK points: `slope` is the gradient of the output, `source_slope` is accumulated,
 * `point_slope` is set. Dot products with the four pixels give the derivatives along x and y. */
static void NAME(give)(const struct job *job, const struct taps *taps, int64_t count, int64_t channels,
                       const float *restrict slope, int64_t slope_step, const float *restrict source,
                       float *source_slope, int64_t step, float *restrict point_slope) {
    const int64_t right = job->width > 1 ? step : 0, below = job->height > 1 ? job->width * step : 0;
    for (int64_t u = 0; u < count; u++) {
        const float *given = slope + u * slope_step, *at = source + taps->cell[u] * step;
        float *to = source_slope + taps->cell[u] * step;
        float weight[4] = {taps->weight[0][u], taps->weight[1][u], taps->weight[2][u], taps->weight[3][u]};
        FLOATS dots[4] = {{0}, {0}, {0}, {0}};
        float rest[4] = {0, 0, 0, 0};
        const int64_t places[4] = {0, right, below, below + right};
        int64_t q = 0;
        for (; q + LANES <= channels; q += LANES) {
            const FLOATS value = LOAD(given + q);
            for (int i = 0; i < 4; i++) dots[i] += value * LOAD(at + places[i] + q);
            for (int i = 0; i < 4; i++) STORE(to + places[i] + q, LOAD(to + places[i] + q) + value * weight[i]);
        }
        for (; q < channels; q++)
            for (int i = 0; i < 4; i++) {
                rest[i] += given[q] * at[places[i] + q];
                to[places[i] + q] += given[q] * weight[i];
            }
        const float across = taps->across[u], down = taps->down[u];
        FLOATS x = (dots[1] - dots[0]) * (1 - down) + (dots[3] - dots[2]) * down;
        FLOATS y = (dots[2] - dots[0]) * (1 - across) + (dots[3] - dots[1]) * across;
        float along_x = (rest[1] - rest[0]) * (1 - down) + (rest[3] - rest[2]) * down;
        float along_y = (rest[2] - rest[0]) * (1 - across) + (rest[3] - rest[1]) * across;
        for (int i = 0; i < LANES; i++) along_x += x[i], along_y += y[i];
        /* Selected, not multiplied, so that infinity and NaN do not reach a point beyond the border. */
        point_slope[u] = taps->slope_x[u] != 0 ? along_x : 0;
        point_slope[job->pixels + u] = taps->slope_y[u] != 0 ? along_y : 0;
    }
}

static void NAME(find_and_give)(const struct job *job, const float *points, int64_t p, int64_t count,
                                int64_t channels, const float *slope, int64_t slope_step, const float *source,
                                float *source_slope, int64_t step, float *point_slope) {
    struct taps taps;
    NAME(find)(job, points + p, points + job->axis_stride + p, count, &taps);
    NAME(give)(job, &taps, count, channels, slope, slope_step, source, source_slope, step, point_slope + p);
}

#undef QUAD
#undef RUN
#undef QUADS
#undef MIX
#undef WEIGHTS
