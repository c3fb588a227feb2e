#include "coordinator/services/rpc_metrics.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace keel {
namespace {

using grpc::experimental::InterceptionHookPoints;

// Lives as long as its call.
class CallTimer : public grpc::experimental::Interceptor {
 public:
  CallTimer(Metrics& metrics, std::string method)
      : metrics_(metrics), method_(std::move(method)), start_(absl::Now()) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* batch) override {
    if (batch->QueryInterceptionHookPoint(
            InterceptionHookPoints::PRE_SEND_STATUS)) {
      const auto code =
          static_cast<absl::StatusCode>(batch->GetSendStatus().error_code());
      metrics_.Observe(
          "keel_rpc_duration_seconds",
          absl::ToDoubleSeconds(absl::Now() - start_),
          {{"method", method_}, {"code", absl::StatusCodeToString(code)}});
    }
    batch->Proceed();
  }

 private:
  Metrics& metrics_;
  const std::string method_;
  const absl::Time start_;
};

}  // namespace

grpc::experimental::Interceptor* RpcMetrics::CreateServerInterceptor(
    grpc::experimental::ServerRpcInfo* info) {
  return new CallTimer(metrics_, info->method());
}

}  // namespace keel
