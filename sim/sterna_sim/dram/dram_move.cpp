// What moves in a cycle: the bandwidth, who gets it, and when the bus turns round.

#include <algorithm>
#include <cstring>

#include "dram_state.h"

namespace sterna {

uint64_t draw(Port& port) {
    port.random ^= port.random << 13;
    port.random ^= port.random >> 7;
    port.random ^= port.random << 17;
    return port.random >> 16;
}

bool stalls(const Dram& dram, Port& port) {
    const uint64_t percent = dram.stall_percent;
    return percent && draw(port) % 100 < percent;
}

namespace {

// Offers the next beat of a port's oldest read.
void offer(Dram& dram, Port& port) {
    Burst& burst = port.reads.front();
    const uint8_t* place = dram.find(burst.address, kBeat);
    if (place)
        memcpy(port.read_data, place, kBeat);
    else
        memset(port.read_data, 0, kBeat);
    port.read_response = place ? 0 : 3;
    port.read_valid = true;
    port.read_last = burst.left == 1;
    burst.address += kBeat;
    if (--burst.left == 0) {
        port.reads.pop_front();
        // In a cycle c this offers for c + 1; the next burst may then start in c + 2.
        port.rests_until = dram.cycle + 2 + dram.burst_gap;
    }
}

void commit(Dram& dram, Write& write) {
    Port& port = dram.ports[write.port];
    int code = 0;
    for (uint64_t beat = 0; beat < write.beats; beat++) {
        uint8_t* place = dram.find(write.address + beat * kBeat, kBeat);
        if (!place) code = 3;
        for (int byte = 0; place && byte < kBeat; byte++)
            if (write.strobes[beat * kBeat + byte]) place[byte] = write.data[beat * kBeat + byte];
    }
    port.counters[kWriteBytes] += write.beats * kBeat;
    port.counters[kWriteBursts]++;
    port.responses.push_back(dram.cycle + 1 + dram.write_latency);
    port.response_codes.push_back(code);
}

}  // namespace

// What moves in the coming cycle: reads, or writes, or nothing while the bus turns round.
void move(Dram& dram) {
    const uint64_t cost = kBeat * dram.bandwidth_denominator, coming = dram.cycle + 1;
    dram.credit = std::min(dram.credit + dram.bandwidth_numerator, dram.most_credit);
    if (dram.is_writing ? dram.writes.empty() : !dram.writes.empty()) {
        dram.is_writing = !dram.is_writing;
        dram.turned_until = coming + dram.write_turnaround;
    }
    if (coming < dram.turned_until) {
        dram.totals[kTurnaround]++;
        return;
    }
    if (dram.is_writing) {
        dram.totals[kWriting]++;
        for (size_t beat = 0; beat < dram.ports.size(); beat++) {
            if (dram.writes.empty() || dram.credit < cost) break;
            dram.credit -= cost;
            dram.totals[kMovedBytes] += kBeat;
            if (++dram.written_beats == dram.writes.front().beats) {
                dram.written_beats = 0;
                commit(dram, dram.writes.front());
                dram.writes.pop_front();
            }
        }
        return;
    }
    const size_t count = dram.ports.size(), first = dram.turn;
    bool limited = false;
    for (size_t step = 0; step < count; step++) {
        const size_t number = (first + step) % count;
        Port& port = dram.ports[number];
        if (port.read_valid || port.reads.empty() || port.reads.front().due > coming ||
            port.rests_until > coming || stalls(dram, port))
            continue;
        if (dram.credit < cost) {
            if (!limited) dram.turn = number;
            limited = true;
            continue;
        }
        dram.credit -= cost;
        dram.totals[kMovedBytes] += kBeat;
        offer(dram, port);
    }
    dram.totals[kLimited] += limited;
}

void reset(Dram& dram) {
    for (Port& port : dram.ports) {
        Port fresh;
        fresh.random = port.random;
        std::copy(port.counters, port.counters + kCounters, fresh.counters);
        port = fresh;
    }
    dram.writes.clear();
    dram.is_writing = false;
    dram.written_beats = dram.turned_until = dram.turn = dram.cycle = 0;
    dram.credit = dram.most_credit;
}

}  // namespace sterna
