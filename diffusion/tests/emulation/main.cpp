// Runs kernels on the CPU for whoever writes to its standard input: buffers, then launches, all numbers little-endian words of 64 bits.
//
//   request   buffers {count, for each: bytes, given, [contents]}, launches {count, for each: name, grid x y z, threads, arguments}, number of the answer
//   name      bytes, contents
//   arguments count, for each: kind (0 a buffer, 1 a plain word, 2 null), word
//   answer    0 and the contents of the buffer that was asked for; or 1, bytes, and what was wrong
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include "../../src/cuda/kernels/attention.cu"
#include "../../src/cuda/kernels/gate.cu"
#include "../../src/cuda/kernels/norm.cu"
#include "../../src/cuda/kernels/product.cu"
#include "../../src/cuda/kernels/rows.cu"
#include "../../src/cuda/kernels/step.cu"

Place threadIdx, blockIdx, blockDim, gridDim;

namespace emulated {
std::vector<Kernel> &kernels() {
    static std::vector<Kernel> all;
    return all;
}

namespace {
constexpr size_t STACK = 128 * 1024;

// A meeting of `members` fibers that comes again and again.
struct Meeting { unsigned members = 0, arrived = 0, round = 0; };

struct Warp {
    Meeting meeting;
    uint32_t words[2][32 * 8];
};

struct Fiber {
    ucontext_t context;
    jmp_buf place;
    std::vector<char> stack;
    bool started, done;
    unsigned turn;
};

std::vector<Fiber> fibers;
std::vector<Warp> warps;
Meeting block;
jmp_buf scheduler;
unsigned current;
const Kernel *running;
const uint64_t *given;

// The first switch to a fiber makes its stack; all others are jumps, which cost no system call.
void give_way() {
    if (!_setjmp(fibers[current].place)) _longjmp(scheduler, 1);
}

void meet(Meeting &meeting) {
    const unsigned round = meeting.round;
    if (++meeting.arrived == meeting.members) {
        meeting.arrived = 0;
        ++meeting.round;
        return;
    }
    while (meeting.round == round) give_way();
}

void run_fiber() {
    running->call(running->function, given);
    fibers[current].done = true;
    // Whoever is left meets without this thread.
    for (Meeting *meeting : {&block, &warps[current / 32].meeting}) {
        --meeting->members;
        if (meeting->members && meeting->arrived == meeting->members) meeting->arrived = 0, ++meeting->round;
    }
    _longjmp(scheduler, 1);
}

void run_block(unsigned threads) {
    if (fibers.size() < threads) fibers.resize(threads);
    warps.resize((threads + 31) / 32);
    block = {threads, 0, 0};
    for (unsigned i = 0; i < warps.size(); ++i) warps[i].meeting = {std::min(32u, threads - 32 * i), 0, 0};
    for (unsigned i = 0; i < threads; ++i) {
        Fiber &fiber = fibers[i];
        fiber.started = fiber.done = false;
        fiber.turn = 0;
        if (fiber.stack.empty()) fiber.stack.resize(STACK);
    }
    static volatile unsigned left;
    static volatile unsigned next;
    for (left = threads; left > 0;) {
        for (next = 0; next < threads; next = next + 1) {
            Fiber &fiber = fibers[next];
            if (fiber.done) continue;
            current = next;
            threadIdx = {next, 0, 0};
            if (!_setjmp(scheduler)) {
                if (fiber.started) _longjmp(fiber.place, 1);
                fiber.started = true;
                getcontext(&fiber.context);
                fiber.context.uc_stack.ss_sp = fiber.stack.data();
                fiber.context.uc_stack.ss_size = fiber.stack.size();
                fiber.context.uc_link = nullptr;
                makecontext(&fiber.context, run_fiber, 0);
                setcontext(&fiber.context);
            }
            if (fibers[next].done) left = left - 1;
        }
    }
}
}  // namespace

void meet_block() { meet(block); }
void meet_warp() { meet(warps[current / 32].meeting); }

const uint32_t *exchange(const uint32_t *words, int count) {
    // Two places in turn: whoever writes the next words has been met by all that read the words before these.
    Warp &warp = warps[current / 32];
    uint32_t *place = warp.words[fibers[current].turn++ % 2];
    memcpy(place + current % 32 * 8, words, count * 4);
    meet_warp();
    return place;
}

namespace {
bool read_all(void *to, size_t bytes) { return fread(to, 1, bytes, stdin) == bytes; }
uint64_t word() {
    uint64_t value;
    if (!read_all(&value, 8)) exit(0);
    return value;
}
void write_word(uint64_t value) { fwrite(&value, 8, 1, stdout); }

struct Launch { const Kernel *kernel; unsigned grid[3], threads; std::vector<uint64_t> words; };

// One request; gives what was wrong with it.
std::string serve() {
    std::vector<std::vector<char>> buffers(word());
    for (auto &buffer : buffers) {
        // Memory that nobody filled is full of what is not a number; a guard behind it shows who writes too far.
        buffer.assign(word() + 64, (char)0xff);
        if (word() && !read_all(buffer.data(), buffer.size() - 64)) exit(1);
    }
    std::string wrong;
    std::vector<Launch> launches(word());
    for (Launch &launch : launches) {
        std::string name(word(), 0);
        if (!read_all(&name[0], name.size())) exit(1);
        launch.kernel = nullptr;
        for (const Kernel &kernel : kernels()) {
            if (kernel.name == name) launch.kernel = &kernel;
        }
        if (!launch.kernel) wrong = "there is no kernel " + name;
        for (unsigned &size : launch.grid) size = (unsigned)word();
        launch.threads = (unsigned)word();
        launch.words.resize(word());
        for (uint64_t &argument : launch.words) {
            const uint64_t kind = word(), value = word();
            argument = kind == 0 ? (uint64_t)buffers.at(value).data() : kind == 1 ? value : 0;
        }
    }
    const auto &answer = buffers.at(word());
    if (!wrong.empty()) return wrong;
    for (const Launch &launch : launches) {
        running = launch.kernel;
        given = launch.words.data();
        blockDim = {launch.threads, 1, 1};
        gridDim = {launch.grid[0], launch.grid[1], launch.grid[2]};
        for (blockIdx.z = 0; blockIdx.z < gridDim.z; ++blockIdx.z) {
            for (blockIdx.y = 0; blockIdx.y < gridDim.y; ++blockIdx.y) {
                for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x) run_block(launch.threads);
            }
        }
        for (const auto &buffer : buffers) {
            for (size_t i = buffer.size() - 64; i < buffer.size(); ++i) {
                if (buffer[i] != (char)0xff) return launch.kernel->name + " writes behind the end of a buffer";
            }
        }
    }
    write_word(0);
    fwrite(answer.data(), 1, answer.size() - 64, stdout);
    return "";
}
}  // namespace
}  // namespace emulated

int main() {
    for (;;) {
        const std::string wrong = emulated::serve();
        if (!wrong.empty()) {
            emulated::write_word(1);
            emulated::write_word(wrong.size());
            fwrite(wrong.data(), 1, wrong.size(), stdout);
        }
        fflush(stdout);
    }
}
