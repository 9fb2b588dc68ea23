// The loop of the exact cycle model, compiled: the meaning of `sterna.cycles`, which has it in Python
// too. Processes repeat their steps; a step starts when its process is free and all its tokens are
// there. Each process runs until it needs a token that nobody has made yet and is woken when that
// appears. Called by `sterna.event_loop`, which makes the tables and says what their columns are.

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace {

struct Channel {
    std::vector<int64_t> times;  // of tokens that are there or will be; those before `first` have left
    std::size_t first = 0;
    int64_t last_left = -1;
    int64_t waiting = -1;   // the process that needs a token of this channel
    int64_t returned = -1;  // the channel that gets a token when one leaves this
    bool is_stream = false, is_sink = false, is_recorded = false;
    std::vector<int64_t> left;  // when each left, if that is recorded
};

struct Need {
    int64_t channel, count, takes;
};

struct Give {
    int64_t channel, offset, count;
};

struct Step {
    int64_t cycles, repeat, first_need, need_count, first_give, give_count;
};

struct Process {
    int64_t first_step, step_count, free, position, times_done;
};

struct Network {
    std::vector<Channel> channels;
    std::vector<Process> processes;
    const Step* steps;
    const Need* needs;
    const Give* gives;
    std::vector<int64_t> waits;  // cycles lost to each need
    std::vector<int64_t> ready;

    void put(Channel& channel, int64_t time) {
        if (channel.is_sink) {
            leave(channel, time > channel.last_left ? time : channel.last_left + 1);
            return;
        }
        channel.times.push_back(time);
        if (channel.waiting >= 0) {
            ready.push_back(channel.waiting);
            channel.waiting = -1;
        }
    }

    void leave(Channel& channel, int64_t time) {
        channel.last_left = time;
        if (channel.is_recorded) channel.left.push_back(time);
        if (channel.returned >= 0) put(channels[channel.returned], time + 1);
    }

    void take(Channel& channel, int64_t count, int64_t time) {
        channel.first += count;
        // What has left is forgotten now and then, so that memory follows what is held.
        if (channel.first >= 1024 && 2 * channel.first >= channel.times.size()) {
            channel.times.erase(channel.times.begin(), channel.times.begin() + channel.first);
            channel.first = 0;
        }
        for (; count; count--) leave(channel, time);
    }

    // Steps of one process until it waits.
    void run(int64_t number) {
        Process& process = processes[number];
        int64_t free = process.free;
        while (true) {
            const Step& step = steps[process.first_step + process.position];
            int64_t begin = free, cause = -1;
            for (int64_t n = step.first_need; n < step.first_need + step.need_count; n++) {
                Channel& channel = channels[needs[n].channel];
                const std::size_t index = channel.first + needs[n].count - 1;
                if (index >= channel.times.size()) {
                    channel.waiting = number;
                    process.free = free;
                    return;
                }
                int64_t time = channel.times[index];
                if (channel.is_stream && time <= channel.last_left) time = channel.last_left + 1;
                if (time > begin) begin = time, cause = n;
            }
            if (cause >= 0) waits[cause] += begin - free;
            for (int64_t n = step.first_need; n < step.first_need + step.need_count; n++)
                if (needs[n].takes) take(channels[needs[n].channel], needs[n].count, begin);
            for (int64_t n = step.first_give; n < step.first_give + step.give_count; n++)
                for (int64_t done = 0; done < gives[n].count; done++)
                    put(channels[gives[n].channel], begin + gives[n].offset);
            free = begin + step.cycles;
            if (++process.times_done >= step.repeat) {
                process.times_done = 0;
                if (++process.position == process.step_count) process.position = 0;
            }
        }
    }
};

}  // namespace

extern "C" {

// Runs a network until nothing moves; null if there is not enough memory. `sizes` counts channels,
// processes and needs.
Network* sterna_run(const int64_t* sizes, const int64_t* channels, const int64_t* processes,
                    const Step* steps, const Need* needs, const Give* gives) {
    Network* network = new (std::nothrow) Network;
    if (!network) return nullptr;
    try {
        for (const int64_t* row = channels; row < channels + 6 * sizes[0]; row += 6) {
            Channel channel;
            channel.times.assign(row[0], row[1]);
            channel.is_stream = row[2];
            channel.is_sink = row[3];
            channel.returned = row[4];
            channel.is_recorded = row[5];
            network->channels.push_back(channel);
        }
        for (const int64_t* row = processes; row < processes + 3 * sizes[1]; row += 3)
            network->processes.push_back({row[0], row[1], row[2], 0, 0});
        network->steps = steps, network->needs = needs, network->gives = gives;
        network->waits.assign(sizes[2], 0);
        for (int64_t number = 0; number < sizes[1]; number++) network->ready.push_back(number);
        while (!network->ready.empty()) {
            const int64_t number = network->ready.back();
            network->ready.pop_back();
            network->run(number);
        }
    } catch (const std::bad_alloc&) {
        delete network;
        return nullptr;
    }
    return network;
}

// When each token left a recorded channel, in order, and how many there are.
const int64_t* sterna_left(const Network* network, int64_t channel, int64_t* count) {
    *count = network->channels[channel].left.size();
    return network->channels[channel].left.data();
}

const int64_t* sterna_waits(const Network* network) { return network->waits.data(); }

void sterna_free(Network* network) { delete network; }
}
