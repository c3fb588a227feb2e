#include "coordinator/client/drift_table.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "coordinator/client/output.h"

namespace keel {
namespace {

constexpr int kDegrees = 180;

std::string Degrees(double value) { return FormatNumber(value, 2); }

std::string Pair(double image, double text) {
  return absl::StrCat(Degrees(image), " / ", Degrees(text));
}

std::vector<std::string> Place(const v1::Drift& drift) {
  return {absl::StrCat("@", drift.phase()),
          absl::StrCat(drift.reference(), " @", drift.reference_phase()),
          drift.probe(), FormatCount(drift.sample_count())};
}

using Measure = std::pair<const char*, const v1::AngleDistribution*>;

std::vector<Measure> Measures(const v1::Drift& drift) {
  return {{"cross angle change", &drift.cross_angle_change()},
          {"rotation, image", &drift.rotation_image()},
          {"rotation, text", &drift.rotation_text()},
          {"rotation gap", &drift.rotation_gap()},
          {"self angle change, image", &drift.self_angle_change_image()},
          {"self angle change, text", &drift.self_angle_change_text()}};
}

std::vector<std::string> BinHeader(const std::vector<int>& edges) {
  std::vector<std::string> header{"phase", "against", "probe", ">pairs",
                                  "measure"};
  int low = 0;
  for (int edge : edges) {
    header.push_back(absl::StrCat(">", low, "-", edge));
    low = edge;
  }
  if (low < kDegrees) header.push_back(absl::StrCat(">", low, "-", kDegrees));
  return header;
}

}  // namespace

absl::StatusOr<std::vector<int>> ParseBins(const std::string& text) {
  std::vector<int> edges;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    int edge = 0;
    const int low = edges.empty() ? 0 : edges.back();
    if (!absl::SimpleAtoi(part, &edge) || edge <= low || edge > kDegrees) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--bins takes growing whole degrees of 1 to 180, such as "
          "5,10,15,20, got '",
          text, "'"));
    }
    edges.push_back(edge);
  }
  return edges;
}

std::vector<double> BinShares(const std::vector<int64_t>& counts,
                              const std::vector<int>& edges) {
  const int64_t total =
      std::accumulate(counts.begin(), counts.end(), int64_t{0});
  if (total == 0) return {};
  std::vector<int> ends = edges;
  if (ends.empty() || ends.back() < kDegrees) ends.push_back(kDegrees);
  std::vector<double> shares;
  size_t low = 0;
  for (int edge : ends) {
    const size_t high = std::min<size_t>(edge, counts.size());
    int64_t sum = 0;
    for (; low < high; ++low) sum += counts[low];
    shares.push_back(static_cast<double>(sum) / static_cast<double>(total));
  }
  return shares;
}

std::string DriftTable(const std::vector<v1::Drift>& drifts) {
  Table table({"phase", "against", "probe", ">pairs", ">cross angle",
               ">rotation i / t", ">gap", ">self angle i / t",
               ">deviation (floor)", ">residual i / t"});
  for (const v1::Drift& drift : drifts) {
    std::vector<std::string> row = Place(drift);
    row.push_back(Degrees(drift.cross_angle_change().mean()));
    row.push_back(
        Pair(drift.rotation_image().mean(), drift.rotation_text().mean()));
    row.push_back(Degrees(drift.rotation_gap().mean()));
    row.push_back(Pair(drift.self_angle_change_image().mean(),
                       drift.self_angle_change_text().mean()));
    row.push_back(absl::StrCat(Degrees(drift.deviation_degrees()), " (",
                               Degrees(drift.deviation_floor_degrees()), ")",
                               drift.deviation_reliable() ? "" : " ?"));
    row.push_back(
        Pair(drift.residual_image_degrees(), drift.residual_text_degrees()));
    table.AddRow(std::move(row));
  }
  return table.ToString();
}

std::string DriftBinTable(const std::vector<v1::Drift>& drifts,
                          const std::vector<int>& edges,
                          const std::string& prefix) {
  Table table(BinHeader(edges));
  for (const v1::Drift& drift : drifts) {
    for (const auto& [name, angles] : Measures(drift)) {
      if (!absl::StartsWith(name, prefix)) continue;
      std::vector<std::string> row = Place(drift);
      row.push_back(name);
      const std::vector<int64_t> counts(angles->counts().begin(),
                                        angles->counts().end());
      for (double share : BinShares(counts, edges)) {
        row.push_back(FormatPercent(share));
      }
      table.AddRow(std::move(row));
    }
  }
  return table.ToString();
}

}  // namespace keel
