// Time and peak memory of the loss in this process, for tests/bench/loss.py:
//   keel-loss-bench PATH N D OWN REPETITIONS [TILE_ROWS TILE_COLUMNS]
// PATH dense or tiled; OWN: rows of the measured member, N: all of them.
// Prints one JSON object.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include "worker/train/loss.h"

namespace keel {
namespace {

at::Tensor Unit(at::Tensor x) {
  x.div_(x.norm(2, {1}, true));
  return x;
}

GlobalEmbeddings Inputs(int64_t n, int64_t d) {
  at::manual_seed(0);
  GlobalEmbeddings e;
  e.image = Unit(at::randn({n, d}));
  e.text = Unit(at::randn({n, d}).add_(e.image));
  e.teacher_image = Unit(at::randn({n, d}));
  e.teacher_text = Unit(at::randn({n, d}).add_(e.teacher_image));
  return e;
}

double Seconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// A line of /proc/self/status, in bytes.
int64_t Status(const std::string& name) {
  std::ifstream file("/proc/self/status");
  std::string word;
  while (file >> word) {
    if (word != name + ":") continue;
    int64_t kilobytes = 0;
    file >> kilobytes;
    return kilobytes * 1024;
  }
  return -1;
}

struct Measured {
  double seconds = std::numeric_limits<double>::infinity();
  int64_t peak_bytes = 0;
  double total = 0;
};

// One member's two passes; between them its own statistics stand for all.
LossShare Run(const GlobalEmbeddings& e, const Slice& own,
              const LossOptions& options) {
  const at::Tensor scale = at::full({}, std::log(14.0));
  const at::Tensor statistics = LossStatistics(e, scale, own, options);
  return ComputeLossShare(e, scale, own, options, statistics);
}

Measured Measure(int64_t n, int64_t d, int64_t own, int repetitions,
                 const LossOptions& options) {
  // The libraries' own buffers and threads are there before.
  Run(Inputs(64, d), {0, 64}, options);
  const GlobalEmbeddings e = Inputs(n, d);
  // Sets the peak to what is resident now.
  std::ofstream("/proc/self/clear_refs") << "5";
  const int64_t before = Status("VmRSS");
  Measured measured;
  for (int i = 0; i < repetitions; ++i) {
    const double begin = Seconds();
    measured.total = Run(e, {0, own}, options).total;
    measured.seconds = std::min(measured.seconds, Seconds() - begin);
  }
  measured.peak_bytes = Status("VmHWM") - before;
  return measured;
}

}  // namespace
}  // namespace keel

int main(int argc, char** argv) {
  if (argc != 6 && argc != 8) return 2;
  keel::LossOptions options{20};
  options.path = std::string(argv[1]) == "dense" ? keel::LossPath::kDense
                                                 : keel::LossPath::kTiled;
  if (argc == 8) {
    options.tile_rows = std::stoll(argv[6]);
    options.tile_columns = std::stoll(argv[7]);
  }
  const keel::Measured measured =
      keel::Measure(std::stoll(argv[2]), std::stoll(argv[3]),
                    std::stoll(argv[4]), std::stoi(argv[5]), options);
  std::cout << "{\"seconds\": " << measured.seconds
            << ", \"peak_bytes\": " << measured.peak_bytes
            << ", \"total\": " << measured.total << ", \"capability\": \""
            << at::get_cpu_capability()
            << "\", \"threads\": " << at::get_num_threads() << "}\n";
}
