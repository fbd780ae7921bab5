/* Point sampling forward and backward, and the prediction of the points, for float32 on the CPU. Independent of
 * torch and Python: plain C with GCC's vector extensions (Clang has them too), loaded with ctypes.
 *
 * Points are (x, y) in pixels of the map, pixel centres at one half, as (batch, groups, 2, pixels) with the
 * last dimension contiguous; `pixels` is the number of points of one group, in any arrangement. Nothing is
 * allocated here. Threads split the work into whole slices or ranges of points, so that no two of them add to
 * the same address. */

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define BLOCK 16 /* Points that are processed together: the floats in the widest vector. */

struct job {
    int64_t batch, channels, groups, height, width;
    int64_t pixels;       /* points of a group */
    int64_t image_stride, group_stride, axis_stride; /* floats from a point to that of the next image, ... */
    int64_t last;         /* whether map, output and their gradients are channels last */
    int64_t parts, part;  /* backward: number and length of the ranges that the channels of a group are split into */
    int64_t stream;       /* whether the output, aligned to 64 bytes, bypasses the caches */
    int64_t step;         /* floats per pixel in the scratch memory of a planar map */
};

struct taps {
    int32_t cell[BLOCK];
    float across[BLOCK], down[BLOCK], weight[4][BLOCK], slope_x[BLOCK], slope_y[BLOCK];
};

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* A forked child has only the thread that forked; OpenMP would wait for ever for the others. */
static int forked;
static void note_fork(void) { forked = 1; }
__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(0, 0, note_fork); }
static inline int64_t usable(int64_t threads) { return forked ? 1 : threads; }

/* Sizes for predicting the points of DySample. */
struct plan {
    int64_t batch, channels, groups, height, width, scale;
    int64_t last;   /* whether the map is channels last */
    int64_t subs;   /* sub-positions that the channels of a pixel are distributed over (PL), else 1 */
    int64_t rows;   /* values to predict for each of these: x, then y, of every group and sub-position */
    int64_t padded; /* floats for the rows of offsets; the rows of scopes, if any, take as many again */
    double factor;  /* multiplies the offsets */
};

typedef void turn_function(const float *, int64_t, int64_t, int64_t, float *, int64_t);
typedef void planar_function(const struct job *, const float *, const float *, int64_t, int64_t, int64_t, float *);
typedef void last_function(const struct job *, const float *, const float *, int64_t, int64_t, float *);
typedef void give_function(const struct job *, const float *, int64_t, int64_t, int64_t, const float *, int64_t,
                           const float *, float *, int64_t, float *);

typedef void project_function(const float *, int64_t, int64_t, int64_t, const float *, int64_t, int64_t, float *);
typedef void scope_function(float *, const float *, int64_t);
typedef void place_function(const struct plan *, int64_t, int64_t, int64_t, const float *, const float *, float *);

struct kernels {
    int64_t lanes;
    turn_function *turn;
    planar_function *read_planar;
    last_function *read_last;
    give_function *give;
    project_function *project;
    scope_function *scale_by_scope;
    place_function *place;
};

#define KERNELS(set)                                                                                         \
    {LANES, turn_##set, read_planar_##set, read_last_##set, find_and_give_##set, project_##set, \
     scale_by_scope_##set, place_##set}

#define LANES 4
#define NAME(name) name##_baseline
#include "native_lanes.h"
#include "native_points.h"
#undef FLOATS
#undef LOAD
#undef STORE
static const struct kernels baseline = KERNELS(baseline);
#undef LANES
#undef NAME

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define LANES 8
#define STREAM(address, value) _mm256_stream_ps(address, (__m256)(value))
#define NAME(name) name##_avx2
#include "native_lanes.h"
#include "native_points.h"
#undef FLOATS
#undef LOAD
#undef STORE
static const struct kernels avx2 = KERNELS(avx2);
#undef LANES
#undef STREAM
#undef NAME
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,fma"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,fma,prefer-vector-width=512")
#endif
#define LANES 16
#define STREAM(address, value) _mm512_stream_ps(address, (__m512)(value))
#define NAME(name) name##_avx512
#include "native_lanes.h"
#include "native_points.h"
#undef FLOATS
#undef LOAD
#undef STORE
static const struct kernels avx512 = KERNELS(avx512);
#undef LANES
#undef STREAM
#undef NAME
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif

/* Return the kernels of set 0 to 2, from narrow to wide; NULL if this processor cannot run them. */
static const struct kernels *kernels(int64_t set) {
    if (set == 0) return &baseline;
#if defined(__x86_64__)
    if (set == 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &avx2;
    if (set == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma"))
        return &avx512;
#endif
    return 0;
}

/* Return the floats in a vector of a set; 0 if the processor does not have it. */
int64_t dysample_lanes(int64_t set) {
    const struct kernels *found = kernels(set);
    return found ? found->lanes : 0;
}

/* Request large pages for new memory, since faulting in small ones takes longer than the reading. Return whether
 * the memory is best written past the caches; small pages that are still to be faulted in enter them anyway. */
int64_t dysample_prepare(char *memory, int64_t bytes) {
    const uintptr_t huge = (uintptr_t)1 << 21, page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t start = ((uintptr_t)memory + huge - 1) & ~(huge - 1);
    const uintptr_t end = ((uintptr_t)memory + (uintptr_t)bytes) & ~(huge - 1);
    unsigned char present = 1;
    if (start >= end) return 1;
    const uintptr_t middle = (start + (end - start) / 2) & ~(page - 1);
    if (mincore((void *)middle, page, &present) != 0 || (present & 1)) return 1;
    /* Writing a first value shows whether the request was granted: the next page is then present as well. */
    if (madvise((void *)start, end - start, MADV_HUGEPAGE) != 0) return 0;
    *(volatile char *)start = 0;
    return mincore((void *)(start + page), page, &present) == 0 && (present & 1);
}

/* `scratch` holds height * width * step floats for a planar map and is unused otherwise. */
void dysample_forward(const struct job *job, int64_t set, int64_t threads, const float *x, const float *points,
                      float *scratch, float *output) {
    const struct kernels *run = kernels(set);
    const int64_t size = job->height * job->width, channels = job->channels / job->groups;
    const int64_t blocks = (job->pixels + BLOCK - 1) / BLOCK, runs = (size + BLOCK - 1) / BLOCK;
    threads = usable(threads);
#pragma omp parallel num_threads((int)threads) if (threads > 1)
    {
    for (int64_t b = 0; b < job->batch; b++) {
        const float *places = points + b * job->image_stride;
        if (job->last) {
#pragma omp for schedule(static) nowait
            for (int64_t i = 0; i < blocks; i++)
                run->read_last(job, places, x + b * size * job->channels, i * BLOCK,
                               least(job->pixels, (i + 1) * BLOCK), output + b * job->pixels * job->channels);
            continue;
        }
        for (int64_t group = 0; group < job->groups; group++) {
            const int64_t slice = (b * job->groups + group) * channels;
#pragma omp for schedule(static)
            for (int64_t i = 0; i < runs; i++)
                run->turn(x + slice * size + i * BLOCK, size, channels, least(BLOCK, size - i * BLOCK),
                          scratch + i * BLOCK * job->step, job->step);
#pragma omp for schedule(static)
            for (int64_t i = 0; i < blocks; i++)
                run->read_planar(job, places + group * job->group_stride, scratch, job->step, i * BLOCK,
                                 least(job->pixels, (i + 1) * BLOCK), output + slice * job->pixels);
        }
    }
#if defined(__x86_64__)
    if (job->stream) _mm_sfence();
#endif
    }
}

/* Process one range of the channels of one group of one planar image. `scratch` belongs to the thread. */
static void planar_backward(const struct job *job, const struct kernels *run, int64_t task, const float *points,
                            const float *x, const float *slope, float *scratch, float *x_slope,
                            float *point_slope) {
    const int64_t size = job->height * job->width, step = job->step, channels = job->channels / job->groups;
    const int64_t part = task % job->parts, slice = task / job->parts, slices = job->batch * job->groups;
    const int64_t start = part * job->part, length = least(job->part, channels - start);
    const int64_t plane = slice * channels + start, padded = (length + run->lanes - 1) / run->lanes * run->lanes;
    float *source = scratch, *source_slope = scratch + size * step, *given = source_slope + size * step;
    points += slice / job->groups * job->image_stride + slice % job->groups * job->group_stride;
    memset(source_slope, 0, (size_t)(size * step) * sizeof(float));
    if (padded != length) { /* Zero the padding of the last vector, so that it adds nothing. */
        memset(source, 0, (size_t)(size * step) * sizeof(float));
        memset(given, 0, (size_t)(BLOCK * step) * sizeof(float));
    }
    run->turn(x + plane * size, size, length, size, source, step);
    for (int64_t p = 0; p < job->pixels; p += BLOCK) {
        const int64_t count = least(BLOCK, job->pixels - p);
        run->turn(slope + plane * job->pixels + p, job->pixels, length, count, given, step);
        run->give(job, points, p, count, padded, given, step, source, source_slope, step,
                  point_slope + (part * slices + slice) * 2 * job->pixels);
    }
    run->turn(source_slope, step, size, length, x_slope + plane * size, size);
}

/* Process ranges [first, end) of one image, channels last; all channels of a pixel while they are cached. */
static void last_backward(const struct job *job, const struct kernels *run, int64_t first, int64_t end,
                          const float *points, const float *x, const float *slope, float *x_slope,
                          float *point_slope) {
    const int64_t size = job->height * job->width, step = job->channels, channels = step / job->groups;
    const int64_t image = first / (job->groups * job->parts), slices = job->batch * job->groups;
    const float *source = x + image * size * step, *given = slope + image * job->pixels * step;
    float *source_slope = x_slope + image * size * step;
    for (int64_t p = -BLOCK; p < job->pixels; p += BLOCK)
        for (int64_t task = first; task < end; task++) {
            const int64_t part = task % job->parts, slice = task / job->parts, group = slice % job->groups;
            const int64_t start = part * job->part, length = least(job->part, channels - start);
            const int64_t at = group * channels + start;
            if (p < 0)
                for (int64_t i = 0; i < size; i++) memset(source_slope + i * step + at, 0, (size_t)length * sizeof(float));
            else
                run->give(job, points + image * job->image_stride + group * job->group_stride, p,
                          least(BLOCK, job->pixels - p), length, given + p * step + at, step, source + at,
                          source_slope + at, step, point_slope + (part * slices + slice) * 2 * job->pixels);
        }
}

/* `scratch` holds (2 * height * width + BLOCK) * step floats for every thread if the map is planar;
 * `point_slope` is (parts, batch, groups, 2, pixels); the caller sums over the parts. */
void dysample_backward(const struct job *job, int64_t set, int64_t threads, const float *slope, const float *x,
                       const float *points, float *scratch, float *x_slope, float *point_slope) {
    const struct kernels *run = kernels(set);
    const int64_t slices = job->batch * job->groups;
    const int64_t own = (2 * job->height * job->width + BLOCK) * job->step;
    /* Fixed chunks: the worker, and so its scratch memory, follows from the task. */
    const int64_t tasks = slices * job->parts, workers = least(usable(threads), tasks > 0 ? tasks : 1);
#pragma omp parallel for num_threads((int)workers) schedule(static, 1) if (workers > 1)
    for (int64_t worker = 0; worker < workers; worker++) {
        const int64_t end = tasks * (worker + 1) / workers, image = job->groups * job->parts;
        for (int64_t task = tasks * worker / workers; task < end;) {
            const int64_t next = job->last ? least(end, (task / image + 1) * image) : task + 1;
            if (job->last)
                last_backward(job, run, task, next, points, x, slope, x_slope, point_slope);
            else
                planar_backward(job, run, task, points, x, slope, scratch + worker * own, x_slope, point_slope);
            task = next;
        }
    }
}

/* `initial` is (2, rows, columns) of the output. `scratch` holds (1 + inputs) * all floats,
 * and for every thread BLOCK * (channels + subs * (all + rows)), where inputs = channels / subs and
 * all are the padded rows of offsets and scopes. `points` is (batch, groups, 2, rows, columns). */
void dysample_points(const struct plan *plan, int64_t set, int64_t threads, const float *x, const float *weight,
                     const float *bias, const float *scope_weight, const float *scope_bias, const float *initial,
                     float *scratch, float *points) {
    const struct kernels *run = kernels(set);
    const int64_t inputs = plan->channels / plan->subs, all = plan->padded * (scope_weight ? 2 : 1);
    const int64_t size = plan->height * plan->width, lines = plan->batch * plan->height;
    const int64_t image = 2 * plan->groups * size * plan->scale * plan->scale;
    const size_t bytes = (size_t)plan->rows * sizeof(float);
    float *blocks = scratch + (1 + inputs) * all;
    threads = usable(threads);
    memset(scratch, 0, (size_t)((1 + inputs) * all) * sizeof(float));
    run->turn(weight, inputs, plan->rows, inputs, scratch + all, all);
    if (bias) memcpy(scratch, bias, bytes);
    if (scope_weight) run->turn(scope_weight, inputs, plan->rows, inputs, scratch + all + plan->padded, all);
    if (scope_bias) memcpy(scratch + plan->padded, scope_bias, bytes);
#pragma omp parallel for num_threads((int)threads) schedule(static, 1) if (threads > 1)
    for (int64_t worker = 0; worker < threads; worker++) {
        float *turned = blocks + worker * BLOCK * (plan->channels + plan->subs * (all + plan->rows));
        float *sums = turned + BLOCK * plan->channels, *offsets = sums + plan->subs * BLOCK * all;
        for (int64_t line = lines * worker / threads; line < lines * (worker + 1) / threads; line++)
            for (int64_t column = 0; column < plan->width; column += BLOCK) {
                const int64_t b = line / plan->height, row = line % plan->height;
                const int64_t count = least(BLOCK, plan->width - column), at = row * plan->width + column;
                const float *from = x + (b * size + at) * plan->channels;
                if (!plan->last) {
                    run->turn(x + b * size * plan->channels + at, size, plan->channels, count, turned, plan->channels);
                    from = turned;
                }
                for (int64_t sub = 0; sub < plan->subs; sub++) {
                    float *own = sums + sub * BLOCK * all;
                    run->project(from + sub, plan->channels, plan->subs, inputs, scratch, all, count, own);
                    for (int64_t u = 0; scope_weight && u < count; u++)
                        run->scale_by_scope(own + u * all, own + u * all + plan->padded, plan->rows);
                    run->turn(own, all, count, plan->rows, offsets + sub * plan->rows * BLOCK, BLOCK);
                }
                run->place(plan, row, column, count, offsets, initial, points + b * image);
            }
    }
}
