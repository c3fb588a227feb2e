#include "coordinator/services/rendezvous.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace keel {
namespace {

using Request = v1::StoreRequest;

bool Waits(Request::Operation operation) {
  return operation == Request::GET || operation == Request::WAIT;
}

bool NeedsOneKey(Request::Operation operation) {
  return operation == Request::SET || operation == Request::GET ||
         operation == Request::ADD || operation == Request::DELETE ||
         operation == Request::COMPARE_SET;
}

bool Writes(Request::Operation operation) {
  return operation == Request::SET || operation == Request::ADD ||
         operation == Request::COMPARE_SET;
}

}  // namespace

std::vector<Rendezvous::Reply> Rendezvous::Apply(
    const std::string& worker_id, const v1::StoreRequest& request) {
  std::vector<Reply> replies;
  if (std::string error = Refusal(request); !error.empty()) {
    v1::StoreReply reply = NewReply(request);
    reply.set_error(error);
    replies.push_back({worker_id, std::move(reply)});
    return replies;
  }
  if (Waits(request.operation()) && !HasAll(request)) {
    parked_.push_back({worker_id, request});
    return replies;
  }
  replies.push_back({worker_id, Execute(request)});
  if (Writes(request.operation())) Release(replies);
  return replies;
}

std::vector<Rendezvous::Reply> Rendezvous::Close(std::string_view reason) {
  closed_reason_ = absl::StrCat("generation closed: ", std::string(reason));
  std::vector<Reply> replies;
  for (const Parked& parked : parked_) {
    v1::StoreReply reply = NewReply(parked.request);
    reply.set_error(closed_reason_);
    replies.push_back({parked.worker_id, std::move(reply)});
  }
  parked_.clear();
  values_.clear();
  return replies;
}

bool Rendezvous::HasAll(const v1::StoreRequest& request) const {
  return std::all_of(
      request.keys().begin(), request.keys().end(),
      [this](const std::string& key) { return values_.contains(key); });
}

v1::StoreReply Rendezvous::NewReply(const v1::StoreRequest& request) const {
  v1::StoreReply reply;
  reply.set_generation(generation_);
  reply.set_id(request.id());
  return reply;
}

std::string Rendezvous::Refusal(const v1::StoreRequest& request) const {
  if (!closed_reason_.empty()) return closed_reason_;
  if (request.value().size() > kMaxValueBytes) {
    return absl::StrCat("value of ", request.value().size(),
                        " bytes is above the limit of ", kMaxValueBytes);
  }
  if (NeedsOneKey(request.operation()) && request.keys_size() != 1) {
    return absl::StrCat("the operation takes one key, not ",
                        request.keys_size());
  }
  if (Writes(request.operation()) && values_.size() >= kMaxKeys &&
      !values_.contains(request.keys(0))) {
    return absl::StrCat("more than ", kMaxKeys, " keys");
  }
  if (request.operation() == Request::OPERATION_UNSPECIFIED ||
      !Request::Operation_IsValid(request.operation())) {
    return absl::StrCat("unknown operation ", request.operation());
  }
  return "";
}

v1::StoreReply Rendezvous::Execute(const v1::StoreRequest& request) {
  v1::StoreReply reply = NewReply(request);
  switch (request.operation()) {
    case Request::SET:
      values_[request.keys(0)] = request.value();
      break;
    case Request::GET:
      reply.set_value(values_[request.keys(0)]);
      break;
    case Request::ADD:
      ExecuteAdd(request, reply);
      break;
    case Request::CHECK:
      reply.set_found(HasAll(request));
      break;
    case Request::DELETE:
      reply.set_found(values_.erase(request.keys(0)) > 0);
      break;
    case Request::COUNT:
      reply.set_number(static_cast<int64_t>(values_.size()));
      break;
    case Request::COMPARE_SET:
      ExecuteCompareSet(request, reply);
      break;
    default:  // WAIT: the reply itself is the answer
      break;
  }
  return reply;
}

void Rendezvous::ExecuteAdd(const v1::StoreRequest& request,
                            v1::StoreReply& reply) {
  std::string& value = values_[request.keys(0)];
  int64_t number = 0;
  if (!value.empty() && !absl::SimpleAtoi(value, &number)) {
    reply.set_error(absl::StrCat("key ", request.keys(0), " holds no number"));
    return;
  }
  number += request.amount();
  // c10d reads counters back as decimal text.
  value = absl::StrCat(number);
  reply.set_number(number);
}

void Rendezvous::ExecuteCompareSet(const v1::StoreRequest& request,
                                   v1::StoreReply& reply) {
  auto it = values_.find(request.keys(0));
  const bool absent = it == values_.end();
  if (absent ? request.expected().empty() : it->second == request.expected()) {
    values_[request.keys(0)] = request.value();
    reply.set_found(true);
    reply.set_value(request.value());
    return;
  }
  // As c10d's TCPStore: what the key holds, or else what was expected.
  reply.set_value(absent ? request.expected() : it->second);
}

void Rendezvous::Release(std::vector<Reply>& replies) {
  std::vector<Parked> still_parked;
  for (Parked& parked : parked_) {
    if (HasAll(parked.request)) {
      replies.push_back({parked.worker_id, Execute(parked.request)});
    } else {
      still_parked.push_back(std::move(parked));
    }
  }
  parked_ = std::move(still_parked);
}

}  // namespace keel
