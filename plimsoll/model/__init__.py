"""The reference model: the whole protocol in plain Python, eager and per account.

`plimsoll.model.protocol` has every call, `plimsoll.model.state` what is known. A session: Ann is
20 times long, the price falls by an eighth, and her loss exceeds what the vaults may pay in a day.

>>> from plimsoll.model import example, margin
>>> from plimsoll.model.example import ANNS, BOBS, KEEPER, MARKET, NOW
>>> from plimsoll.model.orders import signed
>>> from plimsoll.model.protocol import Protocol
>>> from plimsoll.model.state import FINE, WAD
>>> from plimsoll.orders import Order
>>> world = example.example_world()
>>> protocol = Protocol(world)
>>> def equity(account):  # whole quote units
...     return round(margin.health(world, account).equity_fine / FINE / WAD, 2)
>>> buy = Order(ANNS, MARKET, 190 * WAD, 100 * WAD, max_fee_ppm=500, expiry=2**40, salt=1)
>>> sell = Order(BOBS, MARKET, -190 * WAD, 100 * WAD, max_fee_ppm=500, expiry=2**40, salt=2)
>>> protocol.call("settle_one", NOW, 2, KEEPER, signed(sell), signed(buy), 190 * WAD)
>>> equity(ANNS), equity(BOBS)  # 1,000 each, less fees
(990.5, 990.5)
>>> protocol.call("set_answer", NOW + 12, 3, KEEPER, MARKET, 0, 87 * 10**8)  # price, 8 decimals
>>> protocol.call("start", NOW + 24, 4, KEEPER, ANNS)
>>> equity(ANNS)
-1479.5
>>> protocol.call("resolve", NOW + 36, 5, KEEPER, 100)  # up to 100 buckets; True: she is done
True
>>> equity(ANNS), equity(BOBS)  # his profit, 2,470, paid what was left
(0.0, 2431.0)
>>> world.junior.assets_tokens, world.senior.assets_tokens  # half of each is gone
(150000000, 300000000)
"""
