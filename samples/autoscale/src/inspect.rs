//! Answers about the requests themselves.

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::query::parameter;
use crate::{App, Body, text};

/// The request as it arrived: what the proxies on the way made of it.
pub(crate) fn request(app: &App, request: &Request<Incoming>) -> Response<Body> {
    let _in_work = app.gauge.enter();
    let mut headers = Map::new();
    for name in request.headers().keys() {
        let values: Vec<_> = request
            .headers()
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        headers.insert(name.to_string(), json!(values));
    }
    answer(&json!({
        "method": request.method().as_str(),
        "uri": request.uri().to_string(),
        "protocol": format!("{:?}", request.version()),
        "headers": headers,
        "environment": {
            "PORT": std::env::var("PORT").ok(),
            "K_SERVICE": std::env::var("K_SERVICE").ok(),
            "K_CONFIGURATION": std::env::var("K_CONFIGURATION").ok(),
            "K_REVISION": std::env::var("K_REVISION").ok(),
        },
    }))
}

/// How many requests are in work. Asking counts for nothing; `?reset=true` forgets the peak after telling it.
pub(crate) fn peak(app: &App, request: &Request<Incoming>) -> Response<Body> {
    let reading = app.gauge.read();
    if parameter(request.uri(), "reset") == Some(true) {
        app.gauge.reset_peak();
    }
    answer(&json!({ "current": reading.current, "peak": reading.peak, "total": reading.total }))
}

fn answer(value: &Value) -> Response<Body> {
    let mut response = text(StatusCode::OK, format!("{value}\n"));
    response.headers_mut().insert(
        hyper::header::CONTENT_TYPE,
        hyper::header::HeaderValue::from_static("application/json"),
    );
    response
}
