// A DRAM behind several AXI4 ports of 128 bits, one call a clock cycle.
//
// What is modelled is what bounds a streaming design, with each effect a named setting:
//
// - all ports together move at most `bandwidth_numerator / bandwidth_denominator` bytes a cycle.
//   What is not used is lost, but for one beat of each port and one more; ports take turns;
// - the first beat of a read comes no sooner than `read_latency` cycles after its address;
// - between the last beat of a burst and the first of the next a port rests `burst_gap` cycles;
// - a write burst is buffered until it is whole. Then reading stops, all ports rest for
//   `write_turnaround` cycles, the bursts that wait are written at the full bandwidth, and after
//   the same rest reading goes on. The response comes `write_latency` cycles after the last beat;
// - `random_latency` adds up to so many cycles to each read, `stall_percent` withholds readiness
//   and beats in that share of the cycles, both drawn from `seed`.
//
// Contents are regions of one address space that all ports share: files (read as needed, written to
// private copies only) or zeros. What lies outside is answered by DECERR. Written words are seen by
// reads whose beats leave later than the write took place. Breaches of the protocol are noted down.

#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace sterna {

constexpr int kBeat = 16;

struct Region {
    uint64_t base, bytes;
    uint8_t* data;
};

struct Burst {
    uint64_t address, due;
    int left;
};

struct Write {
    uint64_t address, beats;
    int port;
    std::vector<uint8_t> data, strobes;
};

// A channel whose sender must hold what it offers until it is taken.
struct Watch {
    bool held = false;
    std::vector<uint32_t> payload;
};

enum Counter {
    kReadBytes, kWriteBytes, kReadBursts, kWriteBursts, kBusy, kWaiting, kIdle, kBlocked, kCounters
};
enum Total { kCycles, kMovedBytes, kTurnaround, kWriting, kLimited, kTotals };

struct Port {
    std::deque<Burst> reads;
    std::deque<Write> addresses;            // writes whose data are not complete
    std::deque<uint64_t> responses;         // cycles in which they may be given
    std::deque<int> response_codes;
    std::vector<uint8_t> words, strobes;    // data whose address has not come or is not complete
    std::deque<bool> lasts;
    uint64_t rests_until = 0;
    bool read_valid = false, read_last = false, response_valid = false;
    uint8_t read_data[kBeat] = {}, read_response = 0, response_code = 0;
    bool address_ready = false, write_address_ready = false, write_ready = false;
    Watch watch_read, watch_write, watch_data;
    uint64_t random = 0;
    uint64_t counters[kCounters] = {};
};

struct Settings {
    uint64_t bandwidth_numerator, bandwidth_denominator, read_latency, burst_gap, write_turnaround,
        write_latency, random_latency, stall_percent, seed, queue_depth;
};

struct Dram : Settings {
    std::vector<Region> regions;
    std::vector<Port> ports;
    std::deque<Write> writes;               // complete, waiting for the memory
    uint64_t cycle = 0, credit = 0, most_credit = 0, written_beats = 0, turned_until = 0;
    bool is_writing = false;
    size_t turn = 0;
    uint64_t totals[kTotals] = {};
    std::string breaches;
    int breach_count = 0;

    uint8_t* find(uint64_t address, uint64_t bytes) const {
        for (const Region& region : regions)
            if (address >= region.base && address + bytes <= region.base + region.bytes)
                return region.data + (address - region.base);
        return nullptr;
    }

    void breach(size_t port, const std::string& text) {
        if (++breach_count <= 20)
            breaches += "cycle " + std::to_string(cycle) + ": port " + std::to_string(port) + " " +
                        text + "\n";
    }
};

extern Dram* the_dram;  // the only one, for Python

uint64_t draw(Port& port);
bool stalls(const Dram& dram, Port& port);
void move(Dram& dram);
void reset(Dram& dram);

}  // namespace sterna
