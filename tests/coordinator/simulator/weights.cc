#include "tests/coordinator/simulator/weights.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/sha256.h"

namespace keel::testing {

void Weights::AddStep(int64_t generation, int64_t step) {
  if (segments.empty() || segments.back().generation != generation) {
    segments.push_back({generation, step, step});
  }
  segments.back().end = step + 1;
}

std::string Weights::ToText() const {
  std::string text =
      absl::StrCat(stream, " ", phase, " ", attempt, " ", parent);
  for (const Segment& s : segments) {
    absl::StrAppend(&text, " ", s.generation, ":", s.begin, ":", s.end);
  }
  return text;
}

std::optional<Weights> Weights::Parse(std::string_view text) {
  const std::vector<std::string> words =
      absl::StrSplit(absl::string_view(text.data(), text.size()), ' ');
  Weights weights;
  if (words.size() < 4 || !absl::SimpleAtoi(words[1], &weights.phase) ||
      !absl::SimpleAtoi(words[2], &weights.attempt)) {
    return std::nullopt;
  }
  weights.stream = words[0];
  weights.parent = words[3];
  for (size_t i = 4; i < words.size(); ++i) {
    const std::vector<std::string> parts = absl::StrSplit(words[i], ':');
    Segment s;
    if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &s.generation) ||
        !absl::SimpleAtoi(parts[1], &s.begin) ||
        !absl::SimpleAtoi(parts[2], &s.end)) {
      return std::nullopt;
    }
    weights.segments.push_back(s);
  }
  return weights;
}

NamedFiles FilesOf(const Weights& weights) {
  NamedFiles files = {
      {kWeightsFile, weights.ToText()},
      {"config.json", "{\"model\": \"" + weights.stream + "\"}"}};
  files.emplace_back(kManifestFile, ManifestOf(files));
  return files;
}

std::string ManifestOf(const NamedFiles& files) {
  std::string manifest;
  for (const auto& [name, bytes] : files) {
    if (name == kManifestFile) continue;
    absl::StrAppend(&manifest, name, " ", Sha256Hex(bytes), "\n");
  }
  return manifest;
}

}  // namespace keel::testing
