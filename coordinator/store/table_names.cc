#include "coordinator/store/table_names.h"

#include <algorithm>
#include <initializer_list>

#include "absl/strings/str_format.h"

namespace keel {
namespace {

std::string Join(std::initializer_list<std::string_view> parts) {
  std::string key;
  for (std::string_view part : parts) {
    if (!key.empty()) key += '/';
    key += part;
  }
  return key;
}

}  // namespace

bool IsTable(std::string_view name) {
  return std::find(table::kAll.begin(), table::kAll.end(), name) !=
         table::kAll.end();
}

std::string NumberKey(int64_t number) {
  return absl::StrFormat("%019d", number);
}

std::string KeyPrefix(std::string_view part) { return std::string(part) + '/'; }

std::string ChunkKey(std::string_view stream, std::string_view digest) {
  return Join({stream, digest});
}

std::string RequestKey(std::string_view stream, std::string_view request_id) {
  return Join({stream, request_id});
}

std::string ProbeKey(std::string_view stream, std::string_view probe) {
  return Join({stream, probe});
}

std::string PhasePart(std::string_view stream, int phase) {
  return Join({stream, NumberKey(phase)});
}

std::string PhaseKey(std::string_view stream, int phase, int attempt) {
  return Join({stream, NumberKey(phase), NumberKey(attempt)});
}

std::string RecallKey(std::string_view stream, int phase,
                      std::string_view probe) {
  return Join({stream, NumberKey(phase), probe});
}

std::string DriftKey(std::string_view stream, int phase, std::string_view probe,
                     std::string_view reference) {
  return Join({stream, NumberKey(phase), probe, reference});
}

std::string CheckpointKey(std::string_view stream, int phase) {
  return Join({stream, NumberKey(phase)});
}

std::string GenerationKey(int64_t generation) { return NumberKey(generation); }

std::string StepKey(int64_t generation, int64_t step) {
  return Join({NumberKey(generation), NumberKey(step)});
}

}  // namespace keel
