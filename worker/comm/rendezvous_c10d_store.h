// A generation's rendezvous store as c10d's process groups want it.
//
// Thread-safe, as the store below is. A status that is not OK is thrown as a
// c10::Error, the only signal that c10d understands; whoever builds a process
// group on it catches (catch.h).
#ifndef KEEL_WORKER_COMM_RENDEZVOUS_C10D_STORE_H_
#define KEEL_WORKER_COMM_RENDEZVOUS_C10D_STORE_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <vector>

#include "worker/seam/environment.h"

namespace keel {

class RendezvousC10dStore : public c10d::Store {
 public:
  // `store` outlives this object and its clones. Keys get `prefix` in front.
  // Waiting calls without a time-out of their own take `timeout`.
  RendezvousC10dStore(RendezvousStore& store, std::string prefix,
                      std::chrono::milliseconds timeout);

  c10::intrusive_ptr<c10d::Store> clone() override;
  using c10d::Store::compareSet;
  using c10d::Store::set;
  void set(const std::string& key, const std::vector<uint8_t>& value) override;
  std::vector<uint8_t> compareSet(const std::string& key,
                                  const std::vector<uint8_t>& expected,
                                  const std::vector<uint8_t>& value) override;
  std::vector<uint8_t> get(const std::string& key) override;
  int64_t add(const std::string& key, int64_t amount) override;
  bool deleteKey(const std::string& key) override;
  bool check(const std::vector<std::string>& keys) override;
  int64_t getNumKeys() override;
  void wait(const std::vector<std::string>& keys) override;
  void wait(const std::vector<std::string>& keys,
            const std::chrono::milliseconds& timeout) override;

 private:
  std::string Prefixed(const std::string& key) const { return prefix_ + key; }
  std::vector<std::string> Prefixed(const std::vector<std::string>& keys) const;

  RendezvousStore& store_;
  const std::string prefix_;
};

}  // namespace keel

#endif  // KEEL_WORKER_COMM_RENDEZVOUS_C10D_STORE_H_
