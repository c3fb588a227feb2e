#include "worker/comm/rendezvous_c10d_store.h"

#include <c10/util/Exception.h>

#include <string_view>
#include <utility>

namespace keel {
namespace {

void ThrowUnlessOk(const absl::Status& status) {
  TORCH_CHECK(status.ok(), "rendezvous: ", status.ToString());
}

template <typename T>
T ValueOrThrow(absl::StatusOr<T> value) {
  ThrowUnlessOk(value.status());
  return *std::move(value);
}

std::string_view View(const std::vector<uint8_t>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<uint8_t> Bytes(std::string_view text) {
  return {text.begin(), text.end()};
}

absl::Duration ToDuration(std::chrono::milliseconds timeout) {
  return timeout == c10d::Store::kNoTimeout ? absl::InfiniteDuration()
                                            : absl::FromChrono(timeout);
}

}  // namespace

RendezvousC10dStore::RendezvousC10dStore(RendezvousStore& store,
                                         std::string prefix,
                                         std::chrono::milliseconds timeout)
    : c10d::Store(timeout), store_(store), prefix_(std::move(prefix)) {}

c10::intrusive_ptr<c10d::Store> RendezvousC10dStore::clone() {
  return c10::make_intrusive<RendezvousC10dStore>(store_, prefix_, timeout_);
}

void RendezvousC10dStore::set(const std::string& key,
                              const std::vector<uint8_t>& value) {
  ThrowUnlessOk(store_.Set(Prefixed(key), View(value)));
}

std::vector<uint8_t> RendezvousC10dStore::compareSet(
    const std::string& key, const std::vector<uint8_t>& expected,
    const std::vector<uint8_t>& value) {
  return Bytes(ValueOrThrow(
      store_.CompareSet(Prefixed(key), View(expected), View(value))));
}

std::vector<uint8_t> RendezvousC10dStore::get(const std::string& key) {
  return Bytes(ValueOrThrow(store_.Get(Prefixed(key), ToDuration(timeout_))));
}

int64_t RendezvousC10dStore::add(const std::string& key, int64_t amount) {
  return ValueOrThrow(store_.Add(Prefixed(key), amount));
}

bool RendezvousC10dStore::deleteKey(const std::string& key) {
  return ValueOrThrow(store_.Delete(Prefixed(key)));
}

bool RendezvousC10dStore::check(const std::vector<std::string>& keys) {
  return ValueOrThrow(store_.Check(Prefixed(keys)));
}

int64_t RendezvousC10dStore::getNumKeys() {
  return ValueOrThrow(store_.Count());
}

void RendezvousC10dStore::wait(const std::vector<std::string>& keys) {
  wait(keys, timeout_);
}

void RendezvousC10dStore::wait(const std::vector<std::string>& keys,
                               const std::chrono::milliseconds& timeout) {
  ThrowUnlessOk(store_.Wait(Prefixed(keys), ToDuration(timeout)));
}

std::vector<std::string> RendezvousC10dStore::Prefixed(
    const std::vector<std::string>& keys) const {
  std::vector<std::string> prefixed;
  prefixed.reserve(keys.size());
  for (const std::string& key : keys) prefixed.push_back(Prefixed(key));
  return prefixed;
}

}  // namespace keel
