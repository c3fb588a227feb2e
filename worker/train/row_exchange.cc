#include "worker/train/row_exchange.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>

#include "common/status_macros.h"

namespace keel {
namespace {

// A struck sample as numbers: its ordinal, then its reason's bytes.
constexpr int64_t kReasonBytes = 32;
constexpr int64_t kWidth = 1 + kReasonBytes / 8;

at::Tensor Encode(const std::vector<StruckSample>& struck) {
  at::Tensor tensor =
      at::zeros({static_cast<int64_t>(struck.size()), kWidth}, at::kLong);
  int64_t* place = tensor.mutable_data_ptr<int64_t>();
  for (const StruckSample& sample : struck) {
    place[0] = sample.sample;
    std::memcpy(place + 1, sample.reason.data(),
                std::min<size_t>(sample.reason.size(), kReasonBytes));
    place += kWidth;
  }
  return tensor;
}

std::vector<StruckSample> Decode(const at::Tensor& tensor) {
  std::vector<StruckSample> struck(tensor.size(0));
  const int64_t* place = tensor.const_data_ptr<int64_t>();
  for (StruckSample& sample : struck) {
    sample.sample = place[0];
    const char* const reason = reinterpret_cast<const char*>(place + 1);
    sample.reason.assign(reason, strnlen(reason, kReasonBytes));
    place += kWidth;
  }
  return struck;
}

}  // namespace

int64_t GroupRows::total() const {
  return std::accumulate(counts.begin(), counts.end(), int64_t{0});
}

absl::StatusOr<std::vector<std::vector<int64_t>>> GatherNumbers(
    Communicator& communicator, const std::vector<int64_t>& mine,
    at::Device device) {
  const int64_t world = communicator.world_size();
  const int64_t count = static_cast<int64_t>(mine.size());
  const at::Tensor row = at::tensor(mine, at::kLong).view({1, count});
  KEEL_ASSIGN_OR_RETURN(at::Tensor table,
                        communicator.AllGatherRows(
                            row.to(device), std::vector<int64_t>(world, 1)));
  table = table.cpu().contiguous();
  const int64_t* const values = table.const_data_ptr<int64_t>();
  std::vector<std::vector<int64_t>> columns(count);
  for (int64_t i = 0; i < world * count; ++i) {
    columns[i % count].push_back(values[i]);
  }
  return columns;
}

absl::StatusOr<GroupRows> ExchangeRows(Communicator& communicator,
                                       const LoadedRows& rows,
                                       at::Device device) {
  KEEL_ASSIGN_OR_RETURN(
      auto counts, GatherNumbers(communicator,
                                 {static_cast<int64_t>(rows.samples.size()),
                                  static_cast<int64_t>(rows.struck.size())},
                                 device));
  GroupRows group;
  group.counts = std::move(counts[0]);
  const std::vector<int64_t>& struck = counts[1];
  if (*std::max_element(struck.begin(), struck.end()) == 0) return group;
  KEEL_ASSIGN_OR_RETURN(
      at::Tensor all,
      communicator.AllGatherRows(Encode(rows.struck).to(device), struck));
  group.struck = Decode(all.cpu());
  return group;
}

AccountingHash HashOfRows(uint64_t key, int epoch, const LoadedRows& rows) {
  AccountingHash sum;
  for (size_t i = 0; i < rows.samples.size(); ++i) {
    sum += HashRow(key, epoch, rows.samples[i], rows.image_digests[i],
                   rows.caption_digests[i]);
  }
  return sum;
}

}  // namespace keel
