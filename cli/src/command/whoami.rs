//! `freehold whoami`: who the controller takes the caller for.

use crate::connect::Api;
use crate::error::Failure;
use crate::output::Screen;
use freehold_proto::v1;

pub(crate) async fn run(api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let request = v1::GetCallerRequest {};
    screen.one(&api.call(request, async |request| api.operators().get_caller(request).await).await?)
}
