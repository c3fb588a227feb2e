// The rendezvous store of one generation, over the Attach stream.
#ifndef KEEL_WORKER_AGENT_RENDEZVOUS_CLIENT_H_
#define KEEL_WORKER_AGENT_RENDEZVOUS_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "keel/v1/worker.pb.h"
#include "worker/seam/environment.h"

namespace keel {

// Each call sends a request and waits for the reply with its id. Deliver and
// Close are the line's side and never block. Thread-safe; `send` is called
// without a lock and must not block.
// ABORTED: closed, or the server refused. INVALID_ARGUMENT: a value above
// 64 KiB. DEADLINE_EXCEEDED: no reply in time.
class RendezvousClient : public RendezvousStore {
 public:
  static constexpr size_t kMaxValueBytes = 64 << 10;
  // False: the line is down.
  using Sender = std::function<bool(v1::StoreRequest)>;

  // `call_timeout` bounds the calls that do not wait for a key.
  RendezvousClient(int64_t generation, Sender send,
                   absl::Duration call_timeout = absl::Seconds(30));

  absl::Status Set(const std::string& key, std::string_view value) override;
  absl::StatusOr<std::string> Get(const std::string& key,
                                  absl::Duration timeout) override;
  absl::StatusOr<int64_t> Add(const std::string& key, int64_t amount) override;
  absl::StatusOr<bool> Check(const std::vector<std::string>& keys) override;
  absl::Status Wait(const std::vector<std::string>& keys,
                    absl::Duration timeout) override;
  absl::StatusOr<bool> Delete(const std::string& key) override;
  absl::StatusOr<int64_t> Count() override;
  absl::StatusOr<std::string> CompareSet(const std::string& key,
                                         std::string_view expected,
                                         std::string_view value) override;

  void Deliver(const v1::StoreReply& reply) ABSL_LOCKS_EXCLUDED(mu_);
  // Every call, also a waiting one, returns ABORTED with the reason.
  void Close(std::string_view reason) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Call {
    bool done = false;
    v1::StoreReply reply;
  };
  absl::StatusOr<v1::StoreReply> Transact(v1::StoreRequest request,
                                          absl::Duration timeout)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Await(int64_t id, absl::Duration timeout, v1::StoreReply* reply)
      ABSL_LOCKS_EXCLUDED(mu_);

  const int64_t generation_;
  const Sender send_;
  const absl::Duration call_timeout_;

  absl::Mutex mu_;
  int64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
  std::map<int64_t, Call> calls_ ABSL_GUARDED_BY(mu_);
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  std::string close_reason_ ABSL_GUARDED_BY(mu_);
};

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_RENDEZVOUS_CLIENT_H_
