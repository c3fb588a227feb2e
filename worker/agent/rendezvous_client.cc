#include "worker/agent/rendezvous_client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace keel {
namespace {

v1::StoreRequest Request(v1::StoreRequest::Operation operation) {
  v1::StoreRequest request;
  request.set_operation(operation);
  return request;
}

v1::StoreRequest Request(v1::StoreRequest::Operation operation,
                         const std::string& key) {
  v1::StoreRequest request = Request(operation);
  request.add_keys(key);
  return request;
}

v1::StoreRequest Request(v1::StoreRequest::Operation operation,
                         const std::vector<std::string>& keys) {
  v1::StoreRequest request = Request(operation);
  request.mutable_keys()->Add(keys.begin(), keys.end());
  return request;
}

}  // namespace

RendezvousClient::RendezvousClient(int64_t generation, Sender send,
                                   absl::Duration call_timeout)
    : generation_(generation),
      send_(std::move(send)),
      call_timeout_(call_timeout) {}

absl::Status RendezvousClient::Set(const std::string& key,
                                   std::string_view value) {
  v1::StoreRequest request = Request(v1::StoreRequest::SET, key);
  request.set_value(std::string(value));
  return Transact(std::move(request), call_timeout_).status();
}

absl::StatusOr<std::string> RendezvousClient::Get(const std::string& key,
                                                  absl::Duration timeout) {
  KEEL_ASSIGN_OR_RETURN(v1::StoreReply reply,
                        Transact(Request(v1::StoreRequest::GET, key), timeout));
  return std::move(*reply.mutable_value());
}

absl::StatusOr<int64_t> RendezvousClient::Add(const std::string& key,
                                              int64_t amount) {
  v1::StoreRequest request = Request(v1::StoreRequest::ADD, key);
  request.set_amount(amount);
  KEEL_ASSIGN_OR_RETURN(const v1::StoreReply reply,
                        Transact(std::move(request), call_timeout_));
  return reply.number();
}

absl::StatusOr<bool> RendezvousClient::Check(
    const std::vector<std::string>& keys) {
  KEEL_ASSIGN_OR_RETURN(
      const v1::StoreReply reply,
      Transact(Request(v1::StoreRequest::CHECK, keys), call_timeout_));
  return reply.found();
}

absl::Status RendezvousClient::Wait(const std::vector<std::string>& keys,
                                    absl::Duration timeout) {
  return Transact(Request(v1::StoreRequest::WAIT, keys), timeout).status();
}

absl::StatusOr<bool> RendezvousClient::Delete(const std::string& key) {
  KEEL_ASSIGN_OR_RETURN(
      const v1::StoreReply reply,
      Transact(Request(v1::StoreRequest::DELETE, key), call_timeout_));
  return reply.found() || reply.number() > 0;
}

absl::StatusOr<int64_t> RendezvousClient::Count() {
  KEEL_ASSIGN_OR_RETURN(
      const v1::StoreReply reply,
      Transact(Request(v1::StoreRequest::COUNT), call_timeout_));
  return reply.number();
}

absl::StatusOr<std::string> RendezvousClient::CompareSet(
    const std::string& key, std::string_view expected, std::string_view value) {
  v1::StoreRequest request = Request(v1::StoreRequest::COMPARE_SET, key);
  request.set_expected(std::string(expected));
  request.set_value(std::string(value));
  KEEL_ASSIGN_OR_RETURN(v1::StoreReply reply,
                        Transact(std::move(request), call_timeout_));
  return std::move(*reply.mutable_value());
}

absl::StatusOr<v1::StoreReply> RendezvousClient::Transact(
    v1::StoreRequest request, absl::Duration timeout) {
  if (request.value().size() > kMaxValueBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a rendezvous value of ", request.value().size(),
                     " bytes is above the limit of ", kMaxValueBytes));
  }
  int64_t id = 0;
  {
    absl::MutexLock lock(&mu_);
    if (closed_) return absl::AbortedError(close_reason_);
    id = next_id_++;
    calls_[id];
  }
  request.set_generation(generation_);
  request.set_id(id);
  if (!send_(std::move(request))) Close("the coordinator is away");
  v1::StoreReply reply;
  KEEL_RETURN_IF_ERROR(Await(id, timeout, &reply));
  if (!reply.error().empty()) return absl::AbortedError(reply.error());
  return reply;
}

absl::Status RendezvousClient::Await(int64_t id, absl::Duration timeout,
                                     v1::StoreReply* reply) {
  absl::MutexLock lock(&mu_);
  const auto settled = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return closed_ || calls_[id].done;
  };
  mu_.AwaitWithTimeout(absl::Condition(&settled), timeout);
  Call call = std::move(calls_[id]);
  calls_.erase(id);
  if (call.done) {
    *reply = std::move(call.reply);
    return absl::OkStatus();
  }
  if (closed_) return absl::AbortedError(close_reason_);
  return absl::DeadlineExceededError(absl::StrCat(
      "rendezvous: no reply within ", absl::FormatDuration(timeout)));
}

void RendezvousClient::Deliver(const v1::StoreReply& reply) {
  absl::MutexLock lock(&mu_);
  const auto call = calls_.find(reply.id());
  if (call == calls_.end()) return;
  call->second.reply = reply;
  call->second.done = true;
}

void RendezvousClient::Close(std::string_view reason) {
  absl::MutexLock lock(&mu_);
  if (closed_) return;
  closed_ = true;
  close_reason_ = absl::StrCat("rendezvous of generation ", generation_,
                               " is closed: ", std::string(reason));
}

}  // namespace keel
