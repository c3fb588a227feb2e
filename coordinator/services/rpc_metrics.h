// Measures every call of a server by method and code, as
// keel_rpc_duration_seconds. Thread-safe.
#ifndef KEEL_COORDINATOR_SERVICES_RPC_METRICS_H_
#define KEEL_COORDINATOR_SERVICES_RPC_METRICS_H_

#include "common/metrics/registry.h"
#include "grpcpp/support/server_interceptor.h"

namespace keel {

class RpcMetrics
    : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  // `metrics` outlives the server.
  explicit RpcMetrics(Metrics& metrics) : metrics_(metrics) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override;

 private:
  Metrics& metrics_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_RPC_METRICS_H_
