// keel.v1.PhaseService: validate, call, convert. Thread-safe.
#ifndef KEEL_COORDINATOR_SERVICES_PHASE_SERVICE_H_
#define KEEL_COORDINATOR_SERVICES_PHASE_SERVICE_H_

#include "coordinator/services/cluster.h"
#include "coordinator/services/phase_requests.h"
#include "keel/v1/phase.grpc.pb.h"

namespace keel {

class PhaseServiceImpl : public v1::PhaseService::Service {
 public:
  // Both outlive it.
  PhaseServiceImpl(Cluster& cluster, PhaseRequests& requests)
      : cluster_(cluster), requests_(requests) {}

  grpc::Status GetPhase(grpc::ServerContext* context,
                        const v1::GetPhaseRequest* request,
                        v1::Phase* response) override;
  grpc::Status ListPhases(grpc::ServerContext* context,
                          const v1::ListPhasesRequest* request,
                          v1::ListPhasesResponse* response) override;
  grpc::Status WatchPhase(
      grpc::ServerContext* context, const v1::WatchPhaseRequest* request,
      grpc::ServerWriter<v1::WatchPhaseResponse>* writer) override;
  grpc::Status ClosePhase(grpc::ServerContext* context,
                          const v1::ClosePhaseRequest* request,
                          v1::Phase* response) override;
  grpc::Status CancelPhase(grpc::ServerContext* context,
                           const v1::CancelPhaseRequest* request,
                           v1::Phase* response) override;
  grpc::Status RetryPhase(grpc::ServerContext* context,
                          const v1::RetryPhaseRequest* request,
                          v1::Phase* response) override;
  grpc::Status SkipPhase(grpc::ServerContext* context,
                         const v1::SkipPhaseRequest* request,
                         v1::Phase* response) override;
  grpc::Status ApprovePhase(grpc::ServerContext* context,
                            const v1::ApprovePhaseRequest* request,
                            v1::Phase* response) override;
  grpc::Status RejectPhase(grpc::ServerContext* context,
                           const v1::RejectPhaseRequest* request,
                           v1::Phase* response) override;
  grpc::Status ListRecalls(grpc::ServerContext* context,
                           const v1::ListRecallsRequest* request,
                           v1::ListRecallsResponse* response) override;
  grpc::Status ListDrifts(grpc::ServerContext* context,
                          const v1::ListDriftsRequest* request,
                          v1::ListDriftsResponse* response) override;
  grpc::Status ListSteps(grpc::ServerContext* context,
                         const v1::ListStepsRequest* request,
                         v1::ListStepsResponse* response) override;
  grpc::Status VerifyLedger(grpc::ServerContext* context,
                            const v1::VerifyLedgerRequest* request,
                            v1::VerifyLedgerResponse* response) override;

 private:
  Cluster& cluster_;
  PhaseRequests& requests_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_PHASE_SERVICE_H_
