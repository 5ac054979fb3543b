Page({
  data: { phone: '' },

  getPhone({ detail: { encryptedData, iv } }) {
    wx.request({
      url: `${getApp().globalData.server}/getWXUserPhone`,
      method: 'POST',
      data: { openid: wx.getStorageSync('openid'), encryptedData, iv },
      success: (res) => {
        wx.setStorageSync('userInfo', res.data)
        this.setData({ phone: res.data.phoneNumber })
      },
    })
  },
})
