// A DRAM behind several AXI4 ports of 128 bits, one call a clock cycle.
//
// What is modelled is what bounds a streaming design, with each effect a named setting:
//
// - all ports together move at most `bandwidth_numerator / bandwidth_denominator` bytes a cycle.
//   What is not used is lost, but for one beat of each port and one more; ports take turns;
// - the first beat of a read comes no sooner than `read_latency` cycles after its address;
// - between the last beat of a burst and the first of the next one a port rests `burst_gap` cycles;
// - a write burst is buffered until it is whole. Then reading stops, all ports rest for
//   `write_turnaround` cycles, the bursts that wait are written at the full bandwidth, and after the
//   same rest reading goes on. The response comes `write_latency` cycles after the last beat;
// - `random_latency` adds up to so many cycles to each read, `stall_percent` withholds readiness and
//   beats in that share of the cycles, both drawn from `seed`.
//
// Contents are regions of one address space that all ports share: files (read as needed, written to
// private copies only) or zeros. What lies outside is answered by DECERR. Written words are seen by
// reads whose beats leave later than the write took place. Breaches of the protocol are noted down.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "svdpi.h"

namespace {

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

Dram* the_dram = nullptr;

[[noreturn]] void refuse(const std::string& text) {
    fprintf(stderr, "DRAM: %s\n", text.c_str());
    exit(2);
}

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

uint8_t* map_region(uint64_t bytes, const std::string& path) {
    void* place = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED) refuse("cannot reserve " + std::to_string(bytes) + " bytes");
    if (!path.empty()) {
        const int file = open(path.c_str(), O_RDONLY);
        struct stat status;
        if (file < 0 || fstat(file, &status) != 0) refuse("cannot open " + path);
        const uint64_t size = std::min<uint64_t>(bytes, status.st_size);
        if (size && mmap(place, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file, 0) ==
                        MAP_FAILED)
            refuse("cannot map " + path);
        close(file);
    }
    return static_cast<uint8_t*>(place);
}

uint64_t bits_of(const svBitVecVal* vector, size_t low, size_t width) {
    uint64_t result = 0;
    for (size_t done = 0; done < width;) {
        const size_t place = (low + done) % 32, count = std::min(32 - place, width - done);
        const uint64_t part = vector[(low + done) / 32] >> place;
        result |= (count == 32 ? part : part & ((1ull << count) - 1)) << done;
        done += count;
    }
    return result;
}

bool bit_of(const svBitVecVal* vector, size_t place) { return vector[place / 32] >> place % 32 & 1; }

void set_bits(svBitVecVal* vector, size_t low, size_t width, uint64_t value) {
    for (size_t place = 0; place < width; place++) {
        const uint32_t mask = 1u << (low + place) % 32;
        uint32_t& word = vector[(low + place) / 32];
        word = value >> place & 1 ? word | mask : word & ~mask;
    }
}

void hold(Dram& dram, size_t port, Watch& watch, bool valid, bool ready,
          std::vector<uint32_t> payload, const char* channel) {
    if (watch.held && (!valid || payload != watch.payload))
        dram.breach(port, std::string(channel) + " did not hold what it offered");
    watch.held = valid && !ready;
    if (watch.held) watch.payload = std::move(payload);
}

void check_burst(Dram& dram, size_t port, uint64_t address, uint64_t length, uint64_t size,
                 uint64_t kind, const char* channel) {
    const std::string name(channel);
    if (size != 4 || kind != 1) dram.breach(port, name + " is no incrementing burst of 16 bytes");
    if (address % kBeat) dram.breach(port, name + " has a crooked address");
    if (address / 4096 != (address + length * kBeat) / 4096) dram.breach(port, name + " crosses 4 KB");
}

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

void take_writes(Dram& dram, size_t number) {
    Port& port = dram.ports[number];
    while (!port.addresses.empty() && port.lasts.size() >= port.addresses.front().beats) {
        Write write = std::move(port.addresses.front());
        port.addresses.pop_front();
        const auto end = write.beats * kBeat;
        write.data.assign(port.words.begin(), port.words.begin() + end);
        write.strobes.assign(port.strobes.begin(), port.strobes.begin() + end);
        port.words.erase(port.words.begin(), port.words.begin() + end);
        port.strobes.erase(port.strobes.begin(), port.strobes.begin() + end);
        for (uint64_t beat = 0; beat < write.beats; beat++) {
            if (port.lasts.front() != (beat + 1 == write.beats))
                dram.breach(number, "WLAST is not with the last word of its burst");
            port.lasts.pop_front();
        }
        dram.writes.push_back(std::move(write));
    }
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

}  // namespace

extern "C" {

void* sterna_dram_open(const char* path, int port_count) {
    std::ifstream file(path);
    if (!file) refuse(std::string("cannot open ") + path);
    Dram* dram = new Dram();
    const std::map<std::string, uint64_t Settings::*> names = {
        {"bandwidth_numerator", &Settings::bandwidth_numerator},
        {"bandwidth_denominator", &Settings::bandwidth_denominator},
        {"read_latency", &Settings::read_latency},
        {"burst_gap", &Settings::burst_gap},
        {"write_turnaround", &Settings::write_turnaround},
        {"write_latency", &Settings::write_latency},
        {"random_latency", &Settings::random_latency},
        {"stall_percent", &Settings::stall_percent},
        {"seed", &Settings::seed},
        {"queue_depth", &Settings::queue_depth},
    };
    std::string line, name;
    while (std::getline(file, line)) {
        std::istringstream words(line);
        words >> name;
        if (name == "region") {
            Region region;
            std::string image;
            words >> region.base >> region.bytes >> std::ws;
            std::getline(words, image);
            region.data = map_region(region.bytes, image);
            dram->regions.push_back(region);
        } else {
            if (!names.count(name)) refuse("no setting is called " + name);
            words >> dram->*names.at(name);
        }
    }
    dram->ports.resize(port_count);
    // A cycle of all ports, and what may be left of a beat: then no bandwidth is lost while ports wait.
    dram->most_credit = uint64_t(port_count + 1) * kBeat * dram->bandwidth_denominator;
    for (int port = 0; port < port_count; port++)
        dram->ports[port].random = 0x9E3779B97F4A7C15ull * (dram->seed * 64 + port + 1);
    reset(*dram);
    return the_dram = dram;
}

void sterna_dram_clock(
    void* model, svBit in_reset,
    const svBitVecVal* arvalid, const svBitVecVal* araddr, const svBitVecVal* arlen,
    const svBitVecVal* arsize, const svBitVecVal* arburst, const svBitVecVal* rready,
    const svBitVecVal* awvalid, const svBitVecVal* awaddr, const svBitVecVal* awlen,
    const svBitVecVal* awsize, const svBitVecVal* awburst,
    const svBitVecVal* wvalid, const svBitVecVal* wdata, const svBitVecVal* wstrb,
    const svBitVecVal* wlast, const svBitVecVal* bready,
    svBitVecVal* arready, svBitVecVal* rvalid, svBitVecVal* rdata, svBitVecVal* rresp,
    svBitVecVal* rlast, svBitVecVal* awready, svBitVecVal* wready, svBitVecVal* bvalid,
    svBitVecVal* bresp) {
    Dram& dram = *static_cast<Dram*>(model);
    if (in_reset) reset(dram);
    const uint64_t depth = dram.queue_depth;
    for (size_t number = 0; number < dram.ports.size() && !in_reset; number++) {
        Port& port = dram.ports[number];
        const bool has_read = !port.reads.empty() || port.read_valid;
        const bool moved = port.read_valid && bit_of(rready, number);
        port.counters[moved              ? kBusy
                      : port.read_valid  ? kBlocked
                      : has_read         ? kWaiting
                                         : kIdle]++;
        if (moved) {
            port.counters[kReadBytes] += kBeat;
            port.read_valid = false;
        }
        if (port.response_valid && bit_of(bready, number)) port.response_valid = false;
        bool valid = bit_of(arvalid, number);
        uint64_t address = 0, length = 0;
        if (valid) address = bits_of(araddr, 64 * number, 64), length = bits_of(arlen, 8 * number, 8);
        if (valid || port.watch_read.held)
            hold(dram, number, port.watch_read, valid, port.address_ready,
                 {uint32_t(address), uint32_t(address >> 32), uint32_t(length)}, "read address");
        if (valid && port.address_ready) {
            check_burst(dram, number, address, length, bits_of(arsize, 3 * number, 3),
                        bits_of(arburst, 2 * number, 2), "read address");
            const uint64_t most = dram.random_latency;
            const uint64_t late = most ? draw(port) % (most + 1) : 0;
            port.reads.push_back({address, dram.cycle + dram.read_latency + late, int(length) + 1});
            port.counters[kReadBursts]++;
        }
        valid = bit_of(awvalid, number);
        if (valid) address = bits_of(awaddr, 64 * number, 64), length = bits_of(awlen, 8 * number, 8);
        if (valid || port.watch_write.held)
            hold(dram, number, port.watch_write, valid, port.write_address_ready,
                 {uint32_t(address), uint32_t(address >> 32), uint32_t(length)}, "write address");
        if (valid && port.write_address_ready) {
            check_burst(dram, number, address, length, bits_of(awsize, 3 * number, 3),
                        bits_of(awburst, 2 * number, 2), "write address");
            port.addresses.push_back({address, length + 1, int(number), {}, {}});
        }
        valid = bit_of(wvalid, number);
        if (valid || port.watch_data.held) {
            std::vector<uint32_t> payload(wdata + 4 * number, wdata + 4 * number + 4);
            payload.push_back(bit_of(wlast, number));
            payload.push_back(bits_of(wstrb, kBeat * number, kBeat));
            const auto* bytes = reinterpret_cast<const uint8_t*>(wdata + 4 * number);
            if (valid && port.write_ready) {
                for (int byte = 0; byte < kBeat; byte++) {
                    port.words.push_back(bytes[byte]);
                    port.strobes.push_back(bit_of(wstrb, kBeat * number + byte));
                }
                port.lasts.push_back(bit_of(wlast, number));
            }
            hold(dram, number, port.watch_data, valid, port.write_ready, payload, "write data");
        }
        if (!port.addresses.empty()) take_writes(dram, number);
    }
    if (!in_reset) move(dram);
    for (size_t number = 0; number < dram.ports.size(); number++) {
        Port& port = dram.ports[number];
        if (!in_reset) {
            port.address_ready = port.reads.size() < depth && !stalls(dram, port);
            port.write_address_ready = port.addresses.size() < depth && !stalls(dram, port);
            port.write_ready = port.lasts.size() < 512 && !stalls(dram, port);
            if (!port.response_valid && !port.responses.empty() &&
                port.responses.front() <= dram.cycle + 1 && !stalls(dram, port)) {
                port.response_valid = true;
                port.response_code = port.response_codes.front();
                port.responses.pop_front();
                port.response_codes.pop_front();
            }
        }
        set_bits(arready, number, 1, port.address_ready);
        set_bits(rvalid, number, 1, port.read_valid);
        set_bits(rlast, number, 1, port.read_last);
        set_bits(rresp, 2 * number, 2, port.read_response);
        memcpy(rdata + 4 * number, port.read_data, kBeat);
        set_bits(awready, number, 1, port.write_address_ready);
        set_bits(wready, number, 1, port.write_ready);
        set_bits(bvalid, number, 1, port.response_valid);
        set_bits(bresp, 2 * number, 2, port.response_code);
    }
    if (!in_reset) {
        dram.cycle++;
        dram.totals[kCycles]++;
    }
}

// For Python in the same process: 0 if the bytes lie in a region.
int sterna_dram_peek(uint64_t address, uint8_t* bytes, uint64_t count) {
    const uint8_t* place = the_dram ? the_dram->find(address, count) : nullptr;
    if (place) memcpy(bytes, place, count);
    return place ? 0 : 1;
}

int sterna_dram_poke(uint64_t address, const uint8_t* bytes, uint64_t count) {
    uint8_t* place = the_dram ? the_dram->find(address, count) : nullptr;
    if (place) memcpy(place, bytes, count);
    return place ? 0 : 1;
}

void sterna_dram_counters(uint64_t port, uint64_t* values) {
    std::copy_n(the_dram->ports[port].counters, int(kCounters), values);
}

void sterna_dram_totals(uint64_t* values) {
    std::copy_n(the_dram->totals, int(kTotals), values);
}

const char* sterna_dram_breaches() { return the_dram->breaches.c_str(); }

}  // extern "C"
