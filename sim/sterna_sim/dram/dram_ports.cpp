// The AXI4 side, called once a clock cycle: handshakes, rules of the protocol, what is offered next.

#include <algorithm>
#include <cstring>

#include "dram_state.h"
#include "svdpi.h"

using namespace sterna;

namespace {

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

bool bit_of(const svBitVecVal* vector, size_t place) {
    return vector[place / 32] >> place % 32 & 1;
}

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
    if (address / 4096 != (address + length * kBeat) / 4096)
        dram.breach(port, name + " crosses 4 KB");
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

}  // namespace

extern "C" void sterna_dram_clock(
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
        if (valid) {
            address = bits_of(araddr, 64 * number, 64);
            length = bits_of(arlen, 8 * number, 8);
        }
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
        if (valid) {
            address = bits_of(awaddr, 64 * number, 64);
            length = bits_of(awlen, 8 * number, 8);
        }
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
