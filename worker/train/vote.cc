#include "worker/train/vote.h"

#include <bit>

#include "common/status_macros.h"

namespace keel {
namespace {

// Places in the tensor that is summed.
enum Place { kNonFinite, kRows, kHashLow, kHashHigh, kStopRequests, kPlaces };

at::Tensor ToTensor(const Ballot& ballot) {
  at::Tensor tensor = at::zeros({kPlaces}, at::kLong);
  int64_t* const places = tensor.mutable_data_ptr<int64_t>();
  places[kNonFinite] = ballot.non_finite;
  places[kRows] = ballot.rows;
  places[kHashLow] = std::bit_cast<int64_t>(ballot.hash.low);
  places[kHashHigh] = std::bit_cast<int64_t>(ballot.hash.high);
  places[kStopRequests] = ballot.stop_requests;
  return tensor;
}

Ballot FromTensor(const at::Tensor& tensor) {
  const int64_t* const places = tensor.const_data_ptr<int64_t>();
  return {.non_finite = places[kNonFinite],
          .rows = places[kRows],
          .hash = {std::bit_cast<uint64_t>(places[kHashLow]),
                   std::bit_cast<uint64_t>(places[kHashHigh])},
          .stop_requests = places[kStopRequests]};
}

}  // namespace

absl::StatusOr<VoteResult> CastVote(Communicator& communicator,
                                    const Ballot& ballot,
                                    const at::Tensor& finite) {
  at::Tensor places = ToTensor(ballot).to(finite.device());
  places.narrow(0, kNonFinite, 1).add_(finite.logical_not().to(at::kLong));
  KEEL_RETURN_IF_ERROR(communicator.AllReduceSum(places));
  VoteResult result;
  result.skip = (places[kNonFinite] > 0).to(at::kFloat);
  result.sum = FromTensor(places.cpu());
  result.complete = result.sum.non_finite == 0;
  return result;
}

}  // namespace keel
