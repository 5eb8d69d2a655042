"""How a schema's URL becomes a connection, without a server."""

import pytest
import sqlalchemy as sa

from common.db import session


@pytest.mark.parametrize("url", ["mysql+pymysql://u:p@127.0.0.1/x", "mysql+pymysql://u:p@localhost:3307/x",
                                 "mysql+pymysql://u:p@/x?unix_socket=/run/mysqld.sock"])
def test_a_server_on_this_host_is_reached_without_tls(url):
    assert session._encryption(sa.make_url(url)) == {"ssl_disabled": True}


@pytest.mark.parametrize("url", ["mysql+pymysql://u:p@10.0.0.5/x", "mysql+pymysql://u:p@127.0.0.1/x?ssl_ca=/etc/ca.pem",
                                 "mysql+pymysql://u:p@db.example.org/x?ssl_verify_cert=true"])
def test_a_server_elsewhere_or_one_whose_url_speaks_of_tls_keeps_pymysqls_ways(url):
    assert session._encryption(sa.make_url(url)) == {}
