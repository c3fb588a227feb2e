// The rendezvous store of one generation: a few small keys that the members
// of a group exchange to find each other (what c10d calls a Store).
//
// Pure bookkeeping: a request comes in, the replies that are due go out; a
// GET or WAIT for a key that is missing is parked, so that no thread is held.
// Kept in memory only: a group that forms while the coordinator restarts
// breaks and forms again. Not thread-safe.
#ifndef KEEL_COORDINATOR_SERVICES_RENDEZVOUS_H_
#define KEEL_COORDINATOR_SERVICES_RENDEZVOUS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "keel/v1/worker.pb.h"

namespace keel {

class Rendezvous {
 public:
  // A reply and the member that it is for.
  struct Reply {
    std::string worker_id;
    v1::StoreReply reply;
  };

  static constexpr size_t kMaxValueBytes = 64 << 10;
  static constexpr size_t kMaxKeys = 16384;

  explicit Rendezvous(int64_t generation) : generation_(generation) {}

  // Takes one request. A refused one is answered with an error in the reply.
  std::vector<Reply> Apply(const std::string& worker_id,
                           const v1::StoreRequest& request);
  // Answers all that are parked, and all that come later, with `reason`.
  std::vector<Reply> Close(std::string_view reason);

 private:
  struct Parked {
    std::string worker_id;
    v1::StoreRequest request;
  };

  bool HasAll(const v1::StoreRequest& request) const;
  v1::StoreReply NewReply(const v1::StoreRequest& request) const;
  std::string Refusal(const v1::StoreRequest& request) const;
  // Executes an operation that need not wait.
  v1::StoreReply Execute(const v1::StoreRequest& request);
  void ExecuteAdd(const v1::StoreRequest& request, v1::StoreReply& reply);
  void ExecuteCompareSet(const v1::StoreRequest& request,
                         v1::StoreReply& reply);
  // Moves parked requests that can be answered now to `replies`.
  void Release(std::vector<Reply>& replies);

  const int64_t generation_;
  std::map<std::string, std::string> values_;
  std::vector<Parked> parked_;
  // Not empty once closed.
  std::string closed_reason_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_RENDEZVOUS_H_
