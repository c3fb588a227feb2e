// A line to a coordinator: channel, stubs, deadlines, and errors as
// absl::Status.
#ifndef KEEL_COORDINATOR_CLIENT_CLIENT_H_
#define KEEL_COORDINATOR_CLIENT_CLIENT_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/grpc/status.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "keel/v1/checkpoint.grpc.pb.h"
#include "keel/v1/phase.grpc.pb.h"
#include "keel/v1/stream.grpc.pb.h"
#include "keel/v1/worker.grpc.pb.h"

namespace keel {

// Thread-safe after construction. Nothing connects before the first call.
class Client {
 public:
  struct Options {
    std::string address = "127.0.0.1:7117";
    // For each call that is answered at once.
    absl::Duration timeout = absl::Seconds(30);
  };
  explicit Client(const Options& options);

  const Options& options() const { return options_; }
  v1::StreamService::Stub& streams() { return *streams_; }
  v1::PhaseService::Stub& phases() { return *phases_; }
  v1::CheckpointService::Stub& checkpoints() { return *checkpoints_; }
  v1::WorkerService::Stub& workers() { return *workers_; }

  // Makes one unary call, such as
  //   Call(client.streams(), &v1::StreamService::Stub::GetStream, request).
  // Blocks for at most the timeout, and `extra` for a call that computes for
  // long. Errors are the server's; UNAVAILABLE and DEADLINE_EXCEEDED name the
  // address.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(
      Stub& stub,
      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                   Response*),
      const Request& request,
      absl::Duration extra = absl::ZeroDuration()) const {
    grpc::ClientContext context;
    SetDeadline(context, extra);
    Response response;
    absl::Status status =
        Explain(FromGrpcStatus((stub.*method)(&context, request, &response)));
    if (!status.ok()) return status;
    return response;
  }

  // Calls a paged list to its end. Each response's items, found by `items`,
  // are appended to those of the first response, which is returned.
  template <typename Stub, typename Request, typename Response, typename Items>
  absl::StatusOr<Response> List(
      Stub& stub,
      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                   Response*),
      Request request, Items items) const {
    Response all;
    while (true) {
      absl::StatusOr<Response> page = Call(stub, method, request);
      if (!page.ok()) return page.status();
      items(all)->MergeFrom(*items(*page));
      // A server that repeats a token would never end.
      if (page->next_page_token().empty() ||
          page->next_page_token() == request.page_token()) {
        return all;
      }
      request.set_page_token(page->next_page_token());
    }
  }

  // The same error, with the address where it helps.
  absl::Status Explain(absl::Status status) const;

 private:
  void SetDeadline(grpc::ClientContext& context, absl::Duration extra) const;

  const Options options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::StreamService::Stub> streams_;
  const std::unique_ptr<v1::PhaseService::Stub> phases_;
  const std::unique_ptr<v1::CheckpointService::Stub> checkpoints_;
  const std::unique_ptr<v1::WorkerService::Stub> workers_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_CLIENT_H_
