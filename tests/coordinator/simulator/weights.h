// What simulated workers "train": a text that tells which steps of which
// generations are in it, instead of a model.
#ifndef KEEL_TESTS_COORDINATOR_SIMULATOR_WEIGHTS_H_
#define KEEL_TESTS_COORDINATOR_SIMULATOR_WEIGHTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keel::testing {

inline constexpr char kWeightsFile[] = "weights.bin";
inline constexpr char kManifestFile[] = "keel_manifest.json";

struct Weights {
  // Steps [begin, end) that a generation has trained.
  struct Segment {
    int64_t generation = 0;
    int64_t begin = 0;
    int64_t end = 0;
    bool operator==(const Segment&) const = default;
  };

  std::string stream;
  int64_t phase = 0;
  int64_t attempt = 0;
  // Digest of the parent's weights; "none" without a parent.
  std::string parent = "none";
  std::vector<Segment> segments;

  void AddStep(int64_t generation, int64_t step);
  int64_t step_count() const {
    return segments.empty() ? 0 : segments.back().end;
  }
  std::string ToText() const;
  static std::optional<Weights> Parse(std::string_view text);
};

// A checkpoint's files, name and bytes, the manifest last.
using NamedFiles = std::vector<std::pair<std::string, std::string>>;
NamedFiles FilesOf(const Weights& weights);
// What the manifest of files with these bytes holds.
std::string ManifestOf(const NamedFiles& files);

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SIMULATOR_WEIGHTS_H_
