// A gRPC server for one service, in this process, on a free loopback port.
#ifndef KEEL_TESTS_COORDINATOR_CLIENT_SERVICE_HOST_H_
#define KEEL_TESTS_COORDINATOR_CLIENT_SERVICE_HOST_H_

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"

namespace keel {

class ServiceHost {
 public:
  explicit ServiceHost(grpc::Service& service) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(&service);
    server_ = builder.BuildAndStart();
    address_ = absl::StrCat("127.0.0.1:", port);
  }
  ~ServiceHost() { server_->Shutdown(); }

  const std::string& address() const { return address_; }
  std::shared_ptr<grpc::Channel> Channel() const {
    return grpc::CreateChannel(address_, grpc::InsecureChannelCredentials());
  }

 private:
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace keel

#endif  // KEEL_TESTS_COORDINATOR_CLIENT_SERVICE_HOST_H_
