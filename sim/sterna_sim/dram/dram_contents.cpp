// Settings and contents of the memory when the simulation starts, and Python's way to look into it.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include "dram_state.h"

using namespace sterna;

Dram* sterna::the_dram = nullptr;

namespace {

[[noreturn]] void refuse(const std::string& text) {
    fprintf(stderr, "DRAM: %s\n", text.c_str());
    exit(2);
}

// Memory of so many bytes, of which the first `image_bytes` are the whole of a file.
uint8_t* map_region(uint64_t bytes, uint64_t image_bytes, const std::string& path) {
    void* place = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED) refuse("cannot reserve " + std::to_string(bytes) + " bytes");
    if (!path.empty()) {
        const int file = open(path.c_str(), O_RDONLY);
        struct stat status;
        if (file < 0 || fstat(file, &status) != 0) refuse("cannot open " + path);
        if (uint64_t(status.st_size) != image_bytes || image_bytes > bytes)
            refuse(path + " must have " + std::to_string(image_bytes) + " bytes, not " +
                   std::to_string(status.st_size));
        if (image_bytes && mmap(place, image_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
                                file, 0) == MAP_FAILED)
            refuse("cannot map " + path);
        close(file);
    }
    return static_cast<uint8_t*>(place);
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
            uint64_t image_bytes = 0;
            words >> region.base >> region.bytes >> image_bytes >> std::ws;
            std::getline(words, image);
            region.data = map_region(region.bytes, image_bytes, image);
            dram->regions.push_back(region);
        } else {
            if (!names.count(name)) refuse("no setting is called " + name);
            words >> dram->*names.at(name);
        }
    }
    dram->ports.resize(port_count);
    // A cycle of all ports, and what may be left of a beat: nothing is lost while ports wait.
    dram->most_credit = uint64_t(port_count + 1) * kBeat * dram->bandwidth_denominator;
    for (int port = 0; port < port_count; port++)
        dram->ports[port].random = 0x9E3779B97F4A7C15ull * (dram->seed * 64 + port + 1);
    reset(*dram);
    return the_dram = dram;
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
